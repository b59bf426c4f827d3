variable "name" {
  description = "What everything is called, with a part behind it: 1 to 32 small letters, digits and `-`."
  type        = string
  default     = "shukuba"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{0,31}$", var.name))
    error_message = "name: 1 to 32 small letters, digits and `-`, a letter first."
  }
}

variable "package" {
  description = "The zip that `make lambda` builds; scaler and notifier are both made of it."
  type        = string
}

variable "architecture" {
  description = "That of the package: x86_64 or arm64."
  type        = string
  default     = "x86_64"
  validation {
    condition     = contains(["x86_64", "arm64"], var.architecture)
    error_message = "architecture: x86_64 or arm64."
  }
}

variable "config" {
  description = "The settings (shukuba.toml): routes, destinations, limits. `shukuba config check` reads it beforehand."
  type        = string
}

variable "routes" {
  description = "The routes of the settings, each with its queue; retries wait in QUEUE-retry, which the settings name as the route's `retry_queue`; what cannot be settled lies in QUEUE-dead."
  type        = map(string)
  validation {
    condition     = length(var.routes) > 0
    error_message = "routes: at least one, such as { s2s = \"s2s\" }."
  }
}

variable "bucket" {
  description = "The bucket that results, the settings and the scaler's memory lie in; names of buckets are unique in the world."
  type        = string
}

variable "force_destroy" {
  description = "Whether `terraform destroy` takes the results with it."
  type        = bool
  default     = false
}

variable "retention_days" {
  description = "Days for which results and the functions' lines are kept."
  type        = number
  default     = 30
}

variable "visibility_timeout" {
  description = "Seconds for which a message is hidden from others; notifiers lengthen it where they need more."
  type        = number
  default     = 120
}

variable "max_receive_count" {
  description = "How often a message may be received before the queue puts it aside. Notifiers give messages back untried, so keep it high."
  type        = number
  default     = 1000
}

variable "schedule" {
  description = "How often the scaler plans."
  type        = string
  default     = "rate(1 minute)"
}

variable "notifier_memory" {
  description = "Memory of a notifier in MB. Sends wait more than they compute: the least is the cheapest (docs/cost.md)."
  type        = number
  default     = 128
}

variable "notifier_timeout" {
  description = "Seconds of a notifier; five minutes of work by `notifier.life` of the settings, and time to end."
  type        = number
  default     = 330
}

variable "notifiers_max" {
  description = "Most notifiers at once, as the account reserves them: no less than `scaler.notifiers_max` of all routes. Null reserves none."
  type        = number
  default     = null
}

variable "environment" {
  description = "More variables of both functions, such as secrets that the settings name."
  type        = map(string)
  default     = {}
  sensitive   = true
}

variable "alarm_age" {
  description = "Seconds that the oldest message may wait before the alarm."
  type        = number
  default     = 300
}

variable "alarm_actions" {
  description = "What an alarm tells, by ARN: a topic, on Shukuba a receiver of notices."
  type        = list(string)
  default     = []
}

variable "with_trail" {
  description = "Whether a trail of every call is made, in a bucket of its own."
  type        = bool
  default     = true
}

variable "trail_bucket" {
  description = "The trail's bucket; BUCKET-trail unless said."
  type        = string
  default     = null
}

variable "with_groups" {
  description = "Whether the groups Admin, Developers and Operators are made."
  type        = bool
  default     = false
}

variable "tags" {
  description = "Tags of everything that has tags."
  type        = map(string)
  default     = {}
}
