//! The running program's tools, seen from a shell: what they print, where, and with which exit
//! code. Nothing here serves.

#[path = "command_line/config_file.rs"]
mod config_file;
#[path = "command_line/failing_pulls.rs"]
mod failing_pulls;
#[path = "command_line/information.rs"]
mod information;
#[path = "command_line/job_reports.rs"]
mod job_reports;
#[path = "command_line/models.rs"]
mod models;
#[path = "command_line/pipes.rs"]
mod pipes;
#[path = "command_line/progress.rs"]
mod progress;
#[path = "command_line/removing.rs"]
mod removing;
#[path = "command_line/resolved_facts.rs"]
mod resolved_facts;
#[path = "command_line/secrets.rs"]
mod secrets;
#[path = "command_line/support.rs"]
mod support;
#[path = "command_line/tokenizers.rs"]
mod tokenizers;
