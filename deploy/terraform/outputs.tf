output "queues" {
  description = "The URL of each route's queue: what `shukuba ship --queue` and SDKs send to."
  value       = { for route, queue in aws_sqs_queue.route : route => queue.id }
}

output "results" {
  description = "Where results lie: what `shukuba why`, `ledger` and `replay` take as `--results`."
  value       = "s3://${aws_s3_bucket.this.id}/results"
}

output "scaler" {
  description = "The function that plans."
  value       = aws_lambda_function.scaler.function_name
}

output "notifier" {
  description = "The function that sends."
  value       = aws_lambda_function.notifier.function_name
}

output "dashboard" {
  description = "The dashboard's name."
  value       = aws_cloudwatch_dashboard.this.dashboard_name
}
