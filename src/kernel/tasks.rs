//! When background tasks were last done: an alarm must be raised when one stops, whatever stopped it.

use super::Duration;
use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// Background tasks by name.
#[derive(Debug, Default)]
pub(super) struct Tasks(Mutex<BTreeMap<&'static str, Task>>);

#[derive(Debug, Clone, Copy)]
struct Task {
    interval: Duration,
    /// The task's age when it was last sampled, and the uptime of that sample.
    age: Duration,
    seen: Duration,
}

/// A background task at this moment.
pub(super) struct TaskAge {
    pub name: &'static str,
    pub interval: Duration,
    pub age: Duration,
}

impl Tasks {
    pub fn seen(&self, name: &'static str, interval: Duration, age: Duration, uptime: Duration) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.insert(name, Task { interval, age, seen: uptime });
    }

    pub fn ages(&self, uptime: Duration) -> Vec<TaskAge> {
        let tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let age_of = |task: &Task| task.age.saturating_add(uptime.saturating_sub(task.seen));
        tasks.iter().map(|(name, task)| TaskAge { name, interval: task.interval, age: age_of(task) }).collect()
    }
}
