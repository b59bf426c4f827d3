locals {
  queue_names = values(aws_sqs_queue.route)[*].name
  function_names = [
    aws_lambda_function.scaler.function_name,
    aws_lambda_function.notifier.function_name,
  ]
  graphs = [
    { title = "Sent", stat = "Sum", metrics = [for queue in local.queue_names : ["AWS/SQS", "NumberOfMessagesSent", "QueueName", queue]] },
    { title = "Waiting", stat = "Maximum", metrics = [for queue in local.queue_names : ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue]] },
    { title = "Oldest (s)", stat = "Maximum", metrics = [for queue in local.queue_names : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue]] },
    { title = "Notifiers at once", stat = "Maximum", metrics = [["AWS/Lambda", "ConcurrentExecutions", "FunctionName", aws_lambda_function.notifier.function_name]] },
    { title = "Started", stat = "Sum", metrics = [for function in local.function_names : ["AWS/Lambda", "Invocations", "FunctionName", function]] },
    { title = "Errors", stat = "Sum", metrics = [for function in local.function_names : ["AWS/Lambda", "Errors", "FunctionName", function]] },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name
  dashboard_body = jsonencode({
    widgets = [for index, graph in local.graphs : {
      type   = "metric"
      x      = 12 * (index % 2)
      y      = 6 * floor(index / 2)
      width  = 12
      height = 6
      properties = {
        title   = graph.title
        metrics = graph.metrics
        stat    = graph.stat
        period  = 60
        region  = local.region
        view    = "timeSeries"
      }
    }]
  })
}
