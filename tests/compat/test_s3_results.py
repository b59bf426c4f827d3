"""Results in our own buckets: lone notifiers work on queues and a bucket of another Shukuba, as they do on anybody's."""

import pytest
from conftest import Server
from test_elsewhere import (  # noqa: F401  (the same tests, on another server)
    CONFIG,
    Elsewhere,
    test_the_main_job_on_queues_and_a_bucket_of_others,
    test_what_became_of_it_is_accounted_for_from_the_bucket,
)

# It has no route for these queues, so that only lone notifiers take from them.
NO_ROUTE = '[routes.another]\nqueue = "another"\n'


class Ours(Elsewhere):
    def __init__(self, directory):
        self.directory = directory
        self.config = directory / "shukuba.toml"
        self.config.write_text(CONFIG.format())
        settings = directory / "server.toml"
        settings.write_text(NO_ROUTE)
        self.server = Server(directory, settings)
        self.environment = self.server.environment
        self.sqs, self.s3 = (self.client(service) for service in ("sqs", "s3"))
        self.s3.create_bucket(Bucket="results")
        self.urls = {name: self.sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("s2s", "s2s-retry", "s2s-dead")}


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory):
    running = Ours(tmp_path_factory.mktemp("ours"))
    yield running
    running.server.stop()
