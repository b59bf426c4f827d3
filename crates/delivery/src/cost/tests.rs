//! Bills by hand: from AWS's own examples, and from list prices.

use proptest::prelude::*;

use super::prices::Error;
use super::*;

fn prices() -> Prices {
    Prices::built_in().unwrap()
}

fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs()).max(1e-9)
}

/// Source: AWS Lambda pricing, examples 1 and 2 (without the free tier, at the price of that page).
#[test]
fn functions_cost_what_the_examples_of_the_price_page_say() {
    let text = prices::BUILT_IN.replacen("price = 0.0000166667", "price = 0.00001667", 1);
    let prices = Prices::parse(&text).unwrap();
    let list = prices.list("us-east-1", None).unwrap();
    let cost = |what, quantity| Bill::of(&Usage::default().with(what, quantity), &list).total;
    // 3 million × 1 s × 512 MB, less 400,000 GB-s that are free; 3 million requests, less one that is free.
    assert!(close(cost(Use::FunctionTime, 1_100_000.0), 18.337));
    assert!(close(cost(Use::FunctionStarts, 2_000_000.0), 0.40));
}

/// A million notifications, unpacked in batches of 10: 100,000 requests each to send, receive and delete.
#[test]
fn the_articles_design_costs_what_a_pencil_says() {
    let prices = prices();
    let list = prices.list("us-east-1", None).unwrap();
    let usage = Usage::default()
        .with(Use::Sends, 100_000.0)
        .with(Use::Receives, 100_000.0)
        .with(Use::Deletes, 100_000.0)
        .with(Use::NotifierTime, 125.0)
        .with(Use::ResultObjects, 1_000.0);
    let bill = Bill::of(&usage, &list);
    assert!(close(bill.part(Part::Queue), 0.12));
    assert!(close(bill.part(Part::Functions), 0.002_083_337_5));
    assert!(close(bill.part(Part::Results), 0.005));
    assert!(close(bill.total, 0.127_083_337_5));
    let first = bill.lines.first().unwrap();
    assert_eq!(
        first.arithmetic(),
        "100,000 requests × $0.4 / 1,000,000 = $0.04"
    );
}

#[test]
fn tokyo_has_its_own_prices_and_amounts_may_be_in_yen() {
    let prices = prices();
    let usage = Usage::default()
        .with(Use::DataOut, 100.0)
        .with(Use::ResultObjects, 1_000.0)
        .with(Use::NatHours, 730.0);
    let dollars = |region| Bill::of(&usage, &prices.list(region, None).unwrap()).total;
    assert!(close(dollars("us-east-1"), 9.0 + 0.005 + 32.85));
    assert!(close(dollars("ap-northeast-1"), 11.4 + 0.0047 + 45.26));
    let list = prices.list("ap-northeast-1", Some(Currency::Jpy)).unwrap();
    let bill = Bill::of(&usage, &list);
    assert!(close(bill.total, dollars("ap-northeast-1") * 150.0));
    let last = bill.lines.iter().find(|line| line.what == Use::DataOut);
    assert_eq!(last.unwrap().arithmetic(), "100 GB × $0.114 × 150 = ¥1,710");
}

#[test]
fn facts_may_be_in_yen() {
    let text = prices::BUILT_IN.replacen(
        "price = 0.40, per = 1000000",
        "currency = \"JPY\", price = 60, per = 1000000",
        1,
    );
    let prices = Prices::parse(&text).unwrap();
    let list = prices.list("us-east-1", None).unwrap();
    let bill = Bill::of(&Usage::default().with(Use::Sends, 1e6), &list);
    assert!(close(bill.total, 0.40));
}

#[test]
fn fifo_requests_cost_more_and_nothing_else_does() {
    let prices = prices();
    let list = prices.list("us-east-1", None).unwrap();
    let usage = Usage::default()
        .with(Use::Sends, 1e6)
        .with(Use::NotifierTime, 1e6);
    let more = Bill::of(&usage.clone().on_fifo(), &list).total - Bill::of(&usage, &list).total;
    assert!(close(more, 0.10));
}

#[test]
fn a_fleet_is_cheaper_from_where_both_cost_the_same() {
    let prices = prices();
    let list = prices.list("us-east-1", None).unwrap();
    // $0.13 a million, and $30 a month at rest (300 alarms).
    let usage = Usage::default()
        .with(Use::Sends, 325_000.0)
        .with(Use::Alarms, 300.0)
        .with(Use::DataOut, 1.0);
    let fleet = |count| Fleet {
        server: "t3.medium".to_owned(),
        count,
    };
    let fixed = |count| Fixed::of(&fleet(count), 730.0, &usage, 1_000_000, &list).unwrap();
    // 2 × 0.0416 × 730 = 60.736; (60.736 - 30) / 0.13 = 236.43 million.
    let two = fixed(2);
    assert!(close(two.amount, 60.736) && !two.is_cheaper);
    let BreakEven::From { per_month } = two.break_even else {
        panic!("{two:?}");
    };
    assert!(close(per_month, (60.736 - 30.0) / 0.13 * 1e6));
    let many = Usage::times_each(&usage, |what| if what.is_standing() { 1.0 } else { 300.0 });
    let many = Fixed::of(&fleet(2), 730.0, &many, 300_000_000, &list).unwrap();
    assert!(many.is_cheaper);
    // 0.0416 × 730 = 30.368: a little more than at rest.
    assert!(matches!(fixed(1).break_even, BreakEven::From { .. }));
    let rest = usage.only(Use::is_standing).with(Use::NatHours, 730.0);
    let rest = Fixed::of(&fleet(1), 730.0, &rest, 0, &list).unwrap();
    assert_eq!(
        (rest.break_even, rest.per_million),
        (BreakEven::Always, 0.0)
    );
    let nothing = Fixed::of(&fleet(1), 730.0, &Usage::default(), 0, &list).unwrap();
    assert_eq!(nothing.break_even, BreakEven::Never);
    let empty = Bill::of(&Usage::default(), &list);
    assert_eq!(list.shown.amount(empty.total), "$0");
    assert_eq!(list.shown.amount(empty.part(Part::Nat)), "$0");
    let unknown = Fleet {
        server: "abacus".to_owned(),
        count: 1,
    };
    assert_eq!(Fixed::of(&unknown, 1.0, &usage, 1, &list), None);
}

#[test]
fn what_stands_is_paid_by_time() {
    let deployment = Deployment {
        alarms: 10,
        dashboards: 1,
        nat_gateways: 2,
    };
    let prices = prices();
    let list = prices.list("us-east-1", None).unwrap();
    let month = deployment.usage(730.0, 3 << 30);
    // 10 × 0.10 + 3.00 + 2 × 730 × 0.045 + 3 × 0.045
    assert!(close(
        Bill::of(&month, &list).total,
        1.0 + 3.0 + 65.7 + 0.135
    ));
    let none = Deployment::default().usage(730.0, 3 << 30);
    assert_eq!(none, Usage::default());
    // 1,440 plans a day: 90 GB-s, 1,440 starts, 2,880 requests for figures, a read and a write each, and a listing of reports.
    let day = Bill::of(&deployment::plans(1_440, 1), &list);
    let of_route = 2_880.0 * 1e-5 + 1_440.0 * 5e-6;
    let pencil = 90.0 * 0.000_016_666_7 + 1_440.0 * 0.2e-6 + 1_440.0 * 5.4e-6 + of_route;
    assert!(close(day.total, pencil));
    // Three routes are planned for at once, with one state.
    let three = Bill::of(&deployment::plans(1_440, 3), &list);
    assert!(close(three.total, pencil + 2.0 * of_route));
}

#[test]
fn amounts_are_written_with_what_counts() {
    for (value, dollars, yen) in [
        (0.0, "$0", "¥0"),
        (0.004_2, "$0.0042", "¥0.0042"),
        (0.127_083, "$0.1271", "¥0.1271"),
        (9.999, "$9.999", "¥9.999"),
        (1_234.567, "$1,234.57", "¥1,235"),
    ] {
        assert_eq!(Currency::Usd.amount(value), dollars);
        assert_eq!(Currency::Jpy.amount(value), yen);
    }
}

#[test]
fn the_list_that_is_built_in_is_whole() {
    let prices = prices();
    let regions: Vec<&str> = prices.regions().collect();
    assert_eq!(regions, ["ap-northeast-1", "us-east-1"]);
    for region in regions {
        let list = prices.list(region, None).unwrap();
        assert!(list.servers().count() >= 5);
        assert!(list.server("t3.medium").is_some());
        assert!(Fact::ALL.iter().all(|fact| list.price(*fact).price > 0.0));
    }
    assert_eq!(
        prices.list("mars-1", None).unwrap_err().to_string(),
        "there are no prices of `mars-1`; the list has ap-northeast-1, us-east-1"
    );
}

#[test]
fn what_is_wrong_in_a_list_is_named() {
    for (from, to, said) in [
        (
            "price = 0.40,",
            "price = -1,",
            "`regions.us-east-1.prices.queue_request.price` is -1; it should be 0 to 1000000000",
        ),
        (
            "price = 0.40,",
            "price = nan,",
            "`regions.us-east-1.prices.queue_request.price` is NaN",
        ),
        (
            "per = 1000000,",
            "per = 0,",
            "`regions.us-east-1.prices.queue_request.per` is 0; it should be 1 to",
        ),
        (
            "unit = \"request\"",
            "unit = \"GB\"",
            "`regions.us-east-1.prices.queue_request.unit` is `GB`; it is priced by `request`",
        ),
        (
            "date = \"2026-06-13\"",
            "date = \"June\"",
            "`regions.us-east-1.prices.queue_request.date` is `June`; it should be a day",
        ),
        (
            "queue_request =",
            "queue_requests =",
            "did you mean `queue_request`?",
        ),
        (
            "nat_hour =",
            "# nat_hour =",
            "`regions.us-east-1.prices.nat_hour` is missing: a price by `unit = \"hour\"`",
        ),
        (
            "yen_per_dollar = 150.0",
            "yen_per_dollar = 0.0066",
            "`exchange.yen_per_dollar` is 0.0066; it should be 1 to 1000",
        ),
        (
            "currency = \"USD\"",
            "currency = \"EUR\"",
            "unknown variant `EUR`, expected `USD` or `JPY`",
        ),
        (
            "source = \"a round figure, chosen\"",
            "source = \" \"",
            "`exchange.source` is empty",
        ),
        ("currency = \"USD\"", "colour = 1", "unknown field `colour`"),
        (
            "unit = \"hour\", date = \"2025-01-28\"",
            "unit = \"month\", date = \"2025-01-28\"",
            "`regions.us-east-1.servers.\"t3.small\".unit` is `month`",
        ),
    ] {
        let text = prices::BUILT_IN.replacen(from, to, 1);
        assert_ne!(text, prices::BUILT_IN, "{from}");
        let error = Prices::parse(&text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    let large = " ".repeat(prices::FILE_BYTES_MAX + 1);
    assert!(matches!(Prices::parse(&large), Err(Error::TooLarge { .. })));
    let (head, _) = prices::BUILT_IN.split_once("[regions").unwrap();
    let none = format!("{head}[regions]\n");
    assert!(
        Prices::parse(&none)
            .unwrap_err()
            .to_string()
            .contains("there should be one at least")
    );
    let mut many = prices::BUILT_IN.to_owned();
    let server = "price = 1, per = 1, unit = \"hour\", date = \"2026-01-01\", source = \"x\"";
    for number in 0..=prices::SERVERS_MAX {
        many.push_str(&format!("\"s{number}\" = {{ {server} }}\n"));
    }
    assert!(
        Prices::parse(&many)
            .unwrap_err()
            .to_string()
            .contains("at most 1000 are taken")
    );
}

fn any_use() -> impl Strategy<Value = Use> {
    proptest::sample::select(vec![
        Use::Sends,
        Use::Retries,
        Use::NotifierTime,
        Use::FunctionStarts,
        Use::ResultObjects,
        Use::StoredResults,
        Use::DataOut,
        Use::NatBytes,
        Use::Alarms,
    ])
}

fn any_usage() -> impl Strategy<Value = Usage> {
    proptest::collection::vec((any_use(), 0.0..1e12f64), 0..8).prop_map(|all| {
        all.into_iter()
            .fold(Usage::default(), |usage, (what, quantity)| {
                usage.with(what, quantity)
            })
    })
}

proptest! {
    #[test]
    fn bills_add_up_grow_and_are_never_below_zero(one in any_usage(), other in any_usage(), fifo: bool, yen: bool) {
        let prices = prices();
        let shown = if yen { Currency::Jpy } else { Currency::Usd };
        let list = prices.list("ap-northeast-1", Some(shown)).unwrap();
        let one = if fifo { one.on_fifo() } else { one };
        let cost = |usage: &Usage| Bill::of(usage, &list).total;
        let mut both = one.clone();
        both.merge(&other);
        prop_assert!(close(cost(&both), cost(&one) + cost(&other)));
        prop_assert!(cost(&one) >= 0.0 && cost(&both) >= cost(&one));
        prop_assert!(close(cost(&one.times(3.0)), cost(&one) * 3.0));
        let bill = Bill::of(&both, &list);
        let parts: f64 = Part::ALL.into_iter().map(|part| bill.part(part)).sum();
        prop_assert!(close(parts, bill.total));
        prop_assert!(close(bill.without_data_out() + bill.part(Part::DataOut), bill.total));
    }

    #[test]
    fn what_is_no_quantity_costs_nothing(what in any_use(), wrong in proptest::sample::select(vec![-1.0, f64::NAN, f64::INFINITY, -0.0])) {
        prop_assert_eq!(Usage::default().with(what, wrong), Usage::default());
    }
}
