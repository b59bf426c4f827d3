# The two stages: the scaler reads how much was sent and starts notifiers, which send for five minutes each.

locals {
  function_environment = merge(var.environment, {
    SHUKUBA_CONFIG  = "s3://${aws_s3_object.settings.bucket}/${aws_s3_object.settings.key}"
    SHUKUBA_RESULTS = "s3://${aws_s3_bucket.this.id}/results"
    SHUKUBA_MEMORY  = "s3://${aws_s3_bucket.this.id}/scaler"
  })
  scaler   = "${var.name}-scaler"
  notifier = "${var.name}-notifier"
}

resource "aws_cloudwatch_log_group" "scaler" {
  name              = "/aws/lambda/${local.scaler}"
  retention_in_days = var.retention_days
  tags              = local.tags
}

resource "aws_cloudwatch_log_group" "notifier" {
  name              = "/aws/lambda/${local.notifier}"
  retention_in_days = var.retention_days
  tags              = local.tags
}

resource "aws_lambda_function" "notifier" {
  function_name                  = local.notifier
  description                    = "Receives, sends and stores results until its life is over"
  role                           = aws_iam_role.notifier.arn
  filename                       = var.package
  source_code_hash               = filebase64sha256(var.package)
  runtime                        = "provided.al2023"
  handler                        = "notifier"
  architectures                  = [var.architecture]
  memory_size                    = var.notifier_memory
  timeout                        = var.notifier_timeout
  reserved_concurrent_executions = var.notifiers_max == null ? -1 : var.notifiers_max
  environment {
    variables = local.function_environment
  }
  tags       = local.tags
  depends_on = [aws_cloudwatch_log_group.notifier, aws_iam_role_policy.notifier]
}

# A notifier that could not start is not started later: the next plan knows better what is needed.
resource "aws_lambda_function_event_invoke_config" "notifier" {
  function_name                = aws_lambda_function.notifier.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}

resource "aws_lambda_function" "scaler" {
  function_name    = local.scaler
  description      = "Reads NumberOfMessagesSent and starts notifiers in proportion"
  role             = aws_iam_role.scaler.arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  runtime          = "provided.al2023"
  handler          = "scaler"
  architectures    = [var.architecture]
  memory_size      = 128
  # Two that plan at once do no harm: what they remember is replaced by one, and the other plans anew.
  timeout = 50
  environment {
    variables = merge(local.function_environment, {
      SHUKUBA_NOTIFIER = aws_lambda_function.notifier.function_name
    })
  }
  tags       = local.tags
  depends_on = [aws_cloudwatch_log_group.scaler, aws_iam_role_policy.scaler]
}

resource "aws_lambda_function_event_invoke_config" "scaler" {
  function_name                = aws_lambda_function.scaler.function_name
  maximum_retry_attempts       = 0
  maximum_event_age_in_seconds = 60
}

resource "aws_cloudwatch_event_rule" "scaler" {
  name                = local.scaler
  description         = "Plans for every route"
  schedule_expression = var.schedule
  tags                = local.tags
}

resource "aws_cloudwatch_event_target" "scaler" {
  rule = aws_cloudwatch_event_rule.scaler.name
  arn  = aws_lambda_function.scaler.arn
}

resource "aws_lambda_permission" "scaler" {
  statement_id  = "schedule"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.scaler.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.scaler.arn
}
