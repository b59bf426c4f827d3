//! The graphs of hosts that are chosen by their tags.

use super::data::{Data, Failed};
use super::resolve::{Around, chart};
use super::{Chart, Drawing};
use crate::dashboard::widget::{Explorer, INSTANCES};

pub(super) fn explored(
    explorer: &Explorer,
    data: &dyn Data,
    around: Around,
) -> Result<Drawing, Failed> {
    if let Some(kind) = explorer.unknown() {
        return Err(Failed::Expression(format!(
            "`{kind}` is not known here: hosts are, as `{INSTANCES}`"
        )));
    }
    let title = explorer.title.clone();
    let graphs = explorer.graphs(&data.hosts()?);
    if graphs.is_empty() {
        let text = around.language.no_hosts().to_owned();
        return Ok(Drawing::Note { title, text });
    }
    let charts = graphs.iter().map(|graph| chart(graph, data, around));
    let charts: Vec<Chart> = charts.collect::<Result<_, _>>()?;
    Ok(Drawing::Grid {
        title,
        columns: explorer.columns,
        charts,
        language: around.language,
    })
}
