//! The inventory of hosts: instances, their tags and states, as EC2's interface shows them.
