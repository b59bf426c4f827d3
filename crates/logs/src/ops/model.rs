//! The table of operations against the service model.

use api::model;
use api::operation::shapes;

use super::OPERATIONS;

const MODEL: &str = include_str!("../../models/logs-2014-03-28.txt");

#[test]
fn the_shapes_are_those_of_the_service_model() {
    model::check_shapes(shapes(OPERATIONS), MODEL);
}

#[test]
fn the_table_has_every_operation_of_the_model_once() {
    model::check_table(shapes(OPERATIONS), MODEL);
}
