# Each function may do what it does, and nothing else.

data "aws_iam_policy_document" "lambda" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "notifier" {
  name               = local.notifier
  assume_role_policy = data.aws_iam_policy_document.lambda.json
  tags               = local.tags
}

data "aws_iam_policy_document" "notifier" {
  statement {
    sid = "Queues"
    actions = [
      "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility", "sqs:SendMessage",
      "sqs:GetQueueAttributes", "sqs:GetQueueUrl",
    ]
    resources = local.worked_queues
  }
  statement {
    sid       = "Results"
    actions   = ["s3:PutObject", "s3:GetObject"]
    resources = ["${aws_s3_bucket.this.arn}/results/*"]
  }
  # It tells that it lives.
  statement {
    sid       = "Life"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.this.arn}/scaler/alive/*"]
  }
  statement {
    sid       = "Settings"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.this.arn}/settings/*"]
  }
  statement {
    sid       = "Found"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this.arn]
  }
  statement {
    sid       = "Lines"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.notifier.arn}:*"]
  }
}

resource "aws_iam_role_policy" "notifier" {
  name   = "notify"
  role   = aws_iam_role.notifier.id
  policy = data.aws_iam_policy_document.notifier.json
}

resource "aws_iam_role" "scaler" {
  name               = local.scaler
  assume_role_policy = data.aws_iam_policy_document.lambda.json
  tags               = local.tags
}

data "aws_iam_policy_document" "scaler" {
  # CloudWatch's reads know no resources.
  statement {
    sid       = "Figures"
    actions   = ["cloudwatch:GetMetricStatistics"]
    resources = ["*"]
  }
  statement {
    sid       = "Queues"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    resources = local.worked_queues
  }
  statement {
    sid       = "Notifiers"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.notifier.arn]
  }
  statement {
    sid       = "Memory"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${aws_s3_bucket.this.arn}/scaler/*"]
  }
  statement {
    sid       = "Settings"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.this.arn}/settings/*"]
  }
  statement {
    sid       = "Found"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.this.arn]
  }
  statement {
    sid       = "Lines"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.scaler.arn}:*"]
  }
}

resource "aws_iam_role_policy" "scaler" {
  name   = "scale"
  role   = aws_iam_role.scaler.id
  policy = data.aws_iam_policy_document.scaler.json
}
