//! Detectors are durable, have bounds, and say what is wrong with them.

use super::*;
use crate::alarm::engine::settings::StatText;

fn tables(dir: &tempfile::TempDir) -> Arc<Tables> {
    Arc::new(Tables::open(dir.path(), TABLES).unwrap())
}

fn of(metric: &str) -> Of {
    Of::Metric {
        namespace: "N".to_owned(),
        metric: metric.to_owned(),
        dimensions: vec![
            ("a".to_owned(), "1".to_owned()),
            ("b".to_owned(), "2".to_owned()),
        ],
        statistic: "Average".to_owned(),
    }
}

fn math(expression: &str, is_returned: Option<bool>) -> Of {
    let query = |id: &str| QueryText {
        id: id.to_owned(),
        stat: None,
        expression: None,
        label: None,
        is_returned: Some(false),
        period_secs: None,
        account: None,
    };
    let stat = StatText {
        namespace: "N".to_owned(),
        metric: "M".to_owned(),
        dimensions: Vec::new(),
        statistic: "Sum".to_owned(),
        period_secs: 60,
        unit: None,
    };
    Of::Math(vec![
        QueryText {
            stat: Some(stat),
            ..query("m1")
        },
        QueryText {
            expression: Some(expression.to_owned()),
            is_returned,
            ..query("e1")
        },
    ])
}

#[test]
fn detectors_are_put_listed_replaced_and_deleted_and_last() {
    let dir = tempfile::tempdir().unwrap();
    let detectors = Detectors::open(tables(&dir)).unwrap();
    let id = detectors.put(of("M"), None, None).unwrap();
    assert!(id.len() == 35 && id.starts_with("ad-"), "{id}");
    detectors
        .put(math("m1 * 2", None), None, Some(true))
        .unwrap();
    // The order of dimensions does not tell detectors apart.
    let Of::Metric {
        namespace,
        metric,
        mut dimensions,
        statistic,
    } = of("M")
    else {
        unreachable!("it is of a metric");
    };
    dimensions.reverse();
    let turned = Of::Metric {
        namespace,
        metric,
        dimensions,
        statistic,
    };
    let configuration = Configuration {
        zone: Some("Asia/Tokyo".to_owned()),
        ..Configuration::default()
    };
    assert_eq!(
        detectors
            .put(turned.clone(), Some(configuration.clone()), None)
            .unwrap(),
        id
    );
    let listed = detectors.list();
    assert_eq!(listed.len(), 2);
    let kept = listed.iter().find(|it| it.id == id).unwrap();
    assert_eq!(
        (&kept.of, &kept.configuration),
        (&turned, &Some(configuration))
    );
    drop(detectors);
    let again = Detectors::open(tables(&dir)).unwrap();
    assert_eq!(again.list(), listed);
    again.delete_by_id(&id).unwrap();
    again.delete(&math("m1 * 2", Some(true))).unwrap();
    assert!(again.list().is_empty());
    assert!(matches!(again.delete(&of("M")), Err(Error::NotFound)));
    assert!(matches!(again.delete_by_id(&id), Err(Error::NotFound)));
}

#[test]
fn what_is_wrong_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let detectors = Detectors::open(tables(&dir)).unwrap();
    let with = |change: fn(&mut Configuration)| {
        let mut configuration = Configuration::default();
        change(&mut configuration);
        detectors
            .put(of("M"), Some(configuration), None)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        with(|it| it.zone = Some("Mars".to_owned())),
        "the value Mars for parameter MetricTimezone is not supported: a name such as Asia/Tokyo is"
    );
    assert_eq!(
        with(|it| it.speed = Some("fast".to_owned())),
        "the value fast for parameter AdaptationSpeed is not supported: FAST, NORMAL and SLOW are"
    );
    assert_eq!(
        with(|it| it.filtering = Some("NONE".to_owned())),
        "the value NONE for parameter OutlierFilteringStrength is not supported: MINIMAL, MODERATE and STRICT are"
    );
    assert!(with(|it| it.excluded_ms = vec![(5, 5)]).contains("at most 10"));
    assert!(
        with(|it| it.excluded_ms = (0..11).map(|at| (at, at + 1)).collect()).contains("at most 10")
    );
    let refused = |of: Of| detectors.put(of, None, None).unwrap_err().to_string();
    assert_eq!(
        refused(math("m1 +", None)),
        "error in expression `e1`: expected a value, found the end at character 5"
    );
    assert_eq!(
        refused(math("[m1]", None)),
        "The expression `e1` of an anomaly detector must return a single time series."
    );
    assert_eq!(
        refused(math("m1", Some(false))),
        "Exactly one element of the metrics list should return data."
    );
    assert!(detectors.list().is_empty());
}

#[test]
fn there_is_a_bound_on_detectors_and_on_models() {
    let dir = tempfile::tempdir().unwrap();
    let detectors = Detectors::open(tables(&dir)).unwrap();
    let known = known(Detector {
        id: "x".to_owned(),
        of: of("M"),
        configuration: None,
        has_spikes: None,
        revision: 1,
    })
    .unwrap();
    detectors
        .book
        .write()
        .extend((0..DETECTORS_MAX).map(|index| (index.to_string(), Arc::clone(&known))));
    assert!(matches!(
        detectors.put(of("M"), None, None),
        Err(Error::TooMany)
    ));
    let points: Vec<_> = (0..12)
        .map(|hour| (Timestamp::from_secs(hour * 3600), 1.0))
        .collect();
    let until = Timestamp::from_secs(12 * 3600);
    let model = Arc::new(Model::learn(&points, until, &Training::default()).unwrap());
    let key = |secs| Key {
        until: Timestamp::from_secs(secs),
        name: String::new(),
        period_secs: 60,
        revision: 0,
    };
    for secs in 0..1001 {
        detectors.keep(key(secs), Arc::clone(&model));
    }
    assert_eq!(detectors.models.lock().len(), MODELS_MAX);
    assert!(detectors.known(&key(0)).is_none() && detectors.known(&key(1000)).is_some());
}
