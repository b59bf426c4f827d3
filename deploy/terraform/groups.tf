# The articles' three groups: everything; everything but access control; looking alone. A new user changes the password at
# the first sign-in, in any group.

locals {
  groups = var.with_groups ? {
    Admin      = "arn:aws:iam::aws:policy/AdministratorAccess"
    Developers = "arn:aws:iam::aws:policy/PowerUserAccess"
    Operators  = "arn:aws:iam::aws:policy/ReadOnlyAccess"
  } : {}
}

resource "aws_iam_group" "this" {
  for_each = local.groups
  name     = each.key
}

resource "aws_iam_group_policy_attachment" "may" {
  for_each   = local.groups
  group      = aws_iam_group.this[each.key].name
  policy_arn = each.value
}

resource "aws_iam_group_policy_attachment" "password" {
  for_each   = { for name, policy in local.groups : name => policy if name != "Admin" }
  group      = aws_iam_group.this[each.key].name
  policy_arn = "arn:aws:iam::aws:policy/IAMUserChangePassword"
}
