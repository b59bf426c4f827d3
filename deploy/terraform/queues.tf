# One queue a route, one for its retries, one for what could not be received.

resource "aws_sqs_queue" "dead" {
  for_each                  = var.routes
  name                      = "${each.value}-dead"
  message_retention_seconds = 1209600
  tags                      = local.tags
}

resource "aws_sqs_queue" "retry" {
  for_each                   = var.routes
  name                       = "${each.value}-retry"
  visibility_timeout_seconds = var.visibility_timeout
  message_retention_seconds  = 1209600
  receive_wait_time_seconds  = 20
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = var.max_receive_count
  })
  tags = local.tags
}

resource "aws_sqs_queue" "route" {
  for_each                   = var.routes
  name                       = each.value
  visibility_timeout_seconds = var.visibility_timeout
  message_retention_seconds  = 1209600
  receive_wait_time_seconds  = 20
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead[each.key].arn
    maxReceiveCount     = var.max_receive_count
  })
  tags = local.tags
}

locals {
  worked_queues = concat(values(aws_sqs_queue.route)[*].arn, values(aws_sqs_queue.retry)[*].arn)
}
