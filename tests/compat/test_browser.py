"""The pages in a real browser: Debian's Chromium, driven by its own driver."""

import shutil
import time

import pytest
from conftest import code_of, serving
from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

FIRST, SECOND = "First-password-1", "Second-password-2"
CHANGE = "arn:aws:iam::aws:policy/IAMUserChangePassword"
# Without these it asks the world outside for updates, and does not start as root.
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]
PHONE = (390, 844)
WAIT_SECS_MAX = 30


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The module's own: what an account is set to holds for all who use its server."""
    yield from serving(tmp_path_factory.mktemp("server"))


def start_browser(profile, size):
    """A browser with a profile of its own in a window of this size, as a phone's."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip("needs Chromium: scripts/browser.sh (apt-get install -y chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in [*FLAGS, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    metrics = dict(zip(("width", "height"), size)) | {"pixelRatio": 1.0}
    options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))


@pytest.fixture
def browser(server, tmp_path):
    """A new profile in a window as small as a phone's."""
    running = start_browser(tmp_path / "profile", PHONE)
    yield Page(server, running)
    running.quit()


class Page:
    """What a person sees and does."""

    def __init__(self, server, driver):
        self.server = server
        self.driver = driver

    def open(self, path=""):
        self.driver.get(f"{self.server.endpoint}/_shukuba/{path}")

    @property
    def text(self):
        return self.driver.find_element(By.TAG_NAME, "body").text

    def fill(self, **fields):
        for name, value in fields.items():
            field = self.driver.find_element(By.NAME, name)
            field.clear()
            field.send_keys(value)

    def press(self, button):
        """Presses a button by its words, and waits for the next page."""
        before = self.driver.find_element(By.TAG_NAME, "html")
        self.driver.find_element(By.XPATH, f"//button[normalize-space()='{button}']").click()
        WebDriverWait(self.driver, WAIT_SECS_MAX).until(lambda _: is_gone(before))

    def sign_in(self, **fields):
        self.open("sign-in")
        self.fill(**fields)
        self.press("Sign in")


def is_gone(element):
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    except WebDriverException as error:
        # What the driver says where it looks just while the page is replaced.
        if "does not belong to the document" not in str(error):
            raise
        return True
    return False


def person(server, name, reset):
    iam = server.client("iam")
    iam.create_user(UserName=name)
    iam.create_login_profile(UserName=name, Password=FIRST, PasswordResetRequired=reset)
    return iam


def test_a_newcomer_changes_the_password_and_is_in(server, browser):
    iam = person(server, "ada", reset=True)
    browser.sign_in(user="ada", password=FIRST)
    assert "change it, then sign in" in browser.text
    browser.open("billing")
    assert "Sign in" in browser.driver.title
    browser.open("change-password")
    fields = {"user": "ada", "password": FIRST, "new": SECOND, "again": SECOND}
    browser.fill(**fields)
    browser.press("Change")
    assert "Policies refuse it, not the password rules" in browser.text
    iam.attach_user_policy(UserName="ada", PolicyArn=CHANGE)
    browser.fill(**{**fields, "new": "short", "again": "short"})
    browser.press("Change")
    assert "The password rules refuse it, not a policy" in browser.text
    browser.fill(**fields)
    browser.press("Change")
    assert "The password is changed" in browser.text
    browser.sign_in(user="ada", password=SECOND)
    assert ":user/ada" in browser.text
    cookie = browser.driver.get_cookie("shukuba")
    assert cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert browser.driver.execute_script("return document.cookie") == ""
    browser.press("Sign out")
    browser.open()
    assert browser.driver.find_elements(By.NAME, "password")


def test_a_device_s_code_is_asked_for_and_taken_once(server, browser):
    iam = person(server, "eve", reset=False)
    made = iam.create_virtual_mfa_device(VirtualMFADeviceName="eve")["VirtualMFADevice"]
    seed, step = made["Base32StringSeed"].decode(), int(time.time()) // 30
    codes = {"AuthenticationCode1": code_of(seed, step - 2), "AuthenticationCode2": code_of(seed, step - 1)}
    iam.enable_mfa_device(UserName="eve", SerialNumber=made["SerialNumber"], **codes)
    browser.sign_in(user="eve", password=FIRST)
    assert browser.driver.find_elements(By.NAME, "password"), browser.text
    code = code_of(seed, int(time.time()) // 30)
    browser.sign_in(user="eve", password=FIRST, code=code)
    assert ":user/eve" in browser.text
    browser.press("Sign out")
    browser.sign_in(user="eve", password=FIRST, code=code)
    assert browser.driver.find_elements(By.NAME, "password")


def test_pages_fit_a_phone_are_styled_and_say_what_each_field_is(browser):
    for path in ("sign-in", "change-password"):
        browser.open(path)
        width = browser.driver.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
        assert width[0] <= width[1] == PHONE[0]
        # The content policy lets the page's own style in, and nothing else.
        label = browser.driver.find_element(By.TAG_NAME, "label")
        assert label.value_of_css_property("display") == "block"
        fields = browser.driver.find_elements(By.CSS_SELECTOR, "input:not([type=hidden])")
        assert fields and all(field.accessible_name for field in fields)
        assert browser.driver.get_log("browser") == []
        assert browser.driver.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
