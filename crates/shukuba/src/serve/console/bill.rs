//! What sending costs, as it is shown to those who may see the bill.

use delivery::cost::report::{RouteCost, Share};
use delivery::cost::{Bill, BreakEven, Currency, Fixed, HOURS_OF_MONTH, Part, Report};
use serde::Deserialize;

use super::html::{Table, data, figures, number};
use super::lang::{Language, Word};
use super::words::cost;
use super::words::overview;

/// Routes and destinations that are shown. Chosen: `shukuba cost` has all of them.
const ROWS: usize = 200;

/// What the operator's call `cost` answers.
#[derive(Debug, Deserialize)]
pub(super) struct Answer {
    from: String,
    to: String,
    #[serde(flatten)]
    report: Report,
}

/// Writes it in one language.
struct Page(Language);

impl Answer {
    /// What it comes to, in a few figures.
    pub(super) fn figures(&self, language: Language) -> String {
        Page(language).figures(&self.report)
    }

    /// All of it.
    pub(super) fn html(&self, language: Language) -> String {
        let (page, report) = (Page(language), &self.report);
        let mut out = page.with(cost::TIME, &[&data(&self.from), &data(&self.to)]);
        out = format!("<p>{out}</p>{}", page.figures(report));
        if report.routes.is_empty() {
            out.push_str(&format!("<p>{}</p>", page.say(cost::NOTHING)));
        } else {
            out.push_str(&page.heading(page.say(cost::BY_ROUTE)));
            out.push_str(&page.routes(report));
        }
        for route in report.routes.iter().take(ROWS) {
            out.push_str(&page.route(route, report.currency));
        }
        if !report.functions.is_empty() {
            let heads = [cost::FUNCTION, cost::STARTS];
            out.push_str(&page.heading(page.say(cost::BY_FUNCTION)));
            let caption = page.say(cost::BY_FUNCTION);
            out.push_str(&page.shares(caption, heads, &report.functions, report.currency));
        }
        if !report.standing.lines.is_empty() {
            let title = page.say(cost::STANDING);
            out.push_str(&page.heading(title));
            out.push_str(&page.lines(title, &report.standing));
        }
        out.push_str(&page.heading(page.say(cost::SERVERS)));
        out.push_str(&page.servers(report));
        out.push_str(&page.caveats(report));
        out
    }
}

impl Page {
    fn say(&self, word: Word) -> &'static str {
        word.said(self.0)
    }

    fn with(&self, word: Word, parts: &[&str]) -> String {
        word.with(self.0, parts)
    }

    fn heading(&self, text: &str) -> String {
        format!("<h2>{text}</h2>")
    }

    fn figures(&self, report: &Report) -> String {
        let amount = |value| report.currency.amount(value);
        figures(&[
            (self.say(cost::TOTAL), amount(report.total)),
            (self.say(cost::A_MILLION), amount(report.per_million)),
            (self.say(cost::INSIDE), amount(report.per_million_inside)),
            (
                self.say(cost::NOTIFICATIONS),
                report.notifications.to_string(),
            ),
        ])
    }

    fn routes(&self, report: &Report) -> String {
        let amount = |value| report.currency.amount(value);
        let mut heads = vec![
            self.say(overview::ROUTE),
            self.say(cost::NOTIFICATIONS),
            self.say(cost::A_MESSAGE),
            self.say(cost::TOTAL),
            self.say(cost::A_MILLION),
        ];
        heads.extend(Part::ALL.map(|part| self.say(cost::part(part))));
        let row = |route: &RouteCost| {
            let mut row = vec![
                data(&route.route),
                route.measured.notifications.to_string(),
                number(route.measured.packing, 1),
                amount(route.bill.total),
                amount(route.per_million),
            ];
            row.extend(Part::ALL.map(|part| amount(route.bill.part(part))));
            row
        };
        let table = Table {
            caption: self.say(cost::BY_ROUTE),
            heads: &heads,
            rows: report.routes.iter().take(ROWS).map(row).collect(),
        };
        table.html()
    }

    fn route(&self, route: &RouteCost, currency: Currency) -> String {
        let name = data(&route.route);
        let title = self.with(cost::ARITHMETIC, &[&name]);
        let mut out = self.heading(&title);
        out.push_str(&self.lines(self.say(cost::PRODUCT), &route.bill));
        if !route.destinations.is_empty() {
            out.push_str(&self.heading(&self.with(cost::BY_DESTINATION, &[&name])));
            let heads = [cost::DESTINATION, cost::SENDS];
            let caption = self.say(cost::DESTINATION);
            out.push_str(&self.shares(caption, heads, &route.destinations, currency));
        }
        out
    }

    fn lines(&self, caption: &str, bill: &Bill) -> String {
        let heads = [cost::FOR_WHAT, cost::PRODUCT].map(|head| self.say(head));
        let lines = bill.lines.iter();
        let table = Table {
            caption,
            heads: &heads,
            rows: lines
                .map(|line| {
                    let what = self.say(cost::of_use(line.what)).to_owned();
                    vec![what, data(&line.arithmetic())]
                })
                .collect(),
        };
        table.html()
    }

    fn shares(
        &self,
        caption: &str,
        [who, count]: [Word; 2],
        shares: &[Share],
        currency: Currency,
    ) -> String {
        let heads = [who, count, cost::TOTAL, cost::A_MILLION].map(|head| self.say(head));
        let row = |share: &Share| {
            vec![
                data(&share.name),
                share.count.to_string(),
                currency.amount(share.amount),
                currency.amount(share.per_million),
            ]
        };
        let table = Table {
            caption,
            heads: &heads,
            rows: shares.iter().take(ROWS).map(row).collect(),
        };
        table.html()
    }

    fn servers(&self, report: &Report) -> String {
        let heads = [cost::SERVER, cost::IN_THIS_TIME, cost::CHEAPER].map(|head| self.say(head));
        let row = |one: &Fixed| {
            vec![
                data(&format!("{} × {}", one.count, one.server)),
                report.currency.amount(one.amount),
                self.break_even(one.break_even),
            ]
        };
        let table = Table {
            caption: self.say(cost::SERVERS),
            heads: &heads,
            rows: report.fixed.iter().map(row).collect(),
        };
        table.html()
    }

    fn break_even(&self, from: BreakEven) -> String {
        match from {
            BreakEven::Always => self.say(cost::ALWAYS).to_owned(),
            BreakEven::Never => self.say(cost::NEVER).to_owned(),
            BreakEven::From { per_month } => {
                let (millions, second) = (per_month / 1e6, per_month / HOURS_OF_MONTH / 3_600.0);
                self.with(cost::FROM_ON, &[&number(millions, 1), &number(second, 0)])
            }
        }
    }

    fn caveats(&self, report: &Report) -> String {
        let prices = [&report.region, &report.prices_from, &report.prices_to].map(|it| data(it));
        let [region, from, to] = &prices;
        let mut out = self.with(cost::CAVEATS, &[region, from, to]);
        if report.currency == Currency::Jpy {
            let exchange = &report.exchange;
            let rate = number(exchange.yen_per_dollar, 2);
            out.push(' ');
            out.push_str(&self.with(cost::EXCHANGE, &[&rate, &data(&exchange.date)]));
        }
        format!("<p class=\"pale\">{out}</p>")
    }
}
