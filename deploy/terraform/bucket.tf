# Results under results/, the settings under settings/, what the scaler remembers under scaler/.

resource "aws_s3_bucket" "this" {
  bucket        = var.bucket
  force_destroy = var.force_destroy
  tags          = local.tags
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id
  # What notifiers told of themselves is of no use to anybody after their lives.
  rule {
    id     = "reports"
    status = "Enabled"
    filter {
      prefix = "scaler/alive/"
    }
    expiration {
      days = 1
    }
  }
  # By route: beside the results lie the key of `why`'s index and what operators decided on dead ones, which stay.
  dynamic "rule" {
    for_each = var.routes
    content {
      id     = "results-of-${rule.key}"
      status = "Enabled"
      filter {
        prefix = "results/route=${rule.key}/"
      }
      expiration {
        days = var.retention_days
      }
    }
  }
}

# By its digest: functions find other settings under another name, so that none ever reads half of a change.
resource "aws_s3_object" "settings" {
  bucket  = aws_s3_bucket.this.id
  key     = "settings/${sha256(var.config)}.toml"
  content = var.config
}
