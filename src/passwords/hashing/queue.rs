use crate::kernel::Client;
use std::{
    collections::{HashMap, VecDeque},
    fmt,
    net::IpAddr,
};

/// Jobs that wait, by key. The keys are served in turn, the jobs of one in their order.
pub(super) struct Queue<Job> {
    bounds: Bounds,
    waiting: HashMap<QueueKey, VecDeque<Job>>,
    /// Each key with a waiting job, once.
    turns: VecDeque<QueueKey>,
    length: usize,
    is_closed: bool,
}

/// How many jobs may wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub all: usize,
    pub each: usize,
}

/// The job that finds no room.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rejected<Job> {
    /// The one that was to be added.
    New(Job),
    /// One that waited longest in line of another key, which has more of them.
    Waiting(Job),
}

impl<Job> Queue<Job> {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self { bounds, waiting: HashMap::new(), turns: VecDeque::new(), length: 0, is_closed: false }
    }

    /// Adds a job. Where the queue is full, the key with the most jobs loses its last one.
    pub(super) fn add(&mut self, key: QueueKey, job: Job) -> Option<Rejected<Job>> {
        let own = self.length_of(key);
        if own >= self.bounds.each {
            return Some(Rejected::New(job));
        }
        if self.length < self.bounds.all {
            self.push(key, job);
            return None;
        }
        let longest = self.turns.iter().copied().max_by_key(|key| self.length_of(*key));
        let Some(longest) = longest.filter(|longest| self.length_of(*longest) > own + 1) else {
            return Some(Rejected::New(job));
        };
        let pushed_out = self.waiting.get_mut(&longest).and_then(VecDeque::pop_back);
        self.length = self.length.saturating_sub(1);
        self.push(key, job);
        pushed_out.map(Rejected::Waiting)
    }

    /// The next job.
    pub(super) fn take(&mut self) -> Option<Job> {
        let key = self.turns.pop_front()?;
        let jobs = self.waiting.get_mut(&key)?;
        let job = jobs.pop_front();
        if jobs.is_empty() {
            self.waiting.remove(&key);
        } else {
            self.turns.push_back(key);
        }
        self.length = self.length.saturating_sub(1);
        job
    }

    /// Whether there is nothing to do, and may still be.
    pub(super) fn is_idle(&self) -> bool {
        self.length == 0 && !self.is_closed
    }

    /// Drops what waits: nothing is to be done any more.
    pub(super) fn close(&mut self) {
        self.is_closed = true;
        self.turns.clear();
        self.waiting.clear();
        self.length = 0;
    }

    fn push(&mut self, key: QueueKey, job: Job) {
        let jobs = self.waiting.entry(key).or_default();
        if jobs.is_empty() {
            self.turns.push_back(key);
        }
        jobs.push_back(job);
        self.length += 1;
    }

    fn length_of(&self, key: QueueKey) -> usize {
        self.waiting.get(&key).map_or(0, VecDeque::len)
    }
}

impl<Job> fmt::Debug for Queue<Job> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Whose jobs are queued together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueKey {
    /// The network of a client's address: of IPv6 its /64.
    Network(IpAddr),
    /// The command line, which has no address.
    Operator,
}

impl From<&Client> for QueueKey {
    fn from(client: &Client) -> Self {
        client.network().map_or(Self::Operator, Self::Network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::iter::from_fn;

    fn key(host: u8) -> QueueKey {
        QueueKey::Network(IpAddr::from([192, 0, 2, host]))
    }

    fn queue(all: usize, each: usize) -> Queue<&'static str> {
        Queue::new(Bounds { all, each })
    }

    #[test]
    fn keys_are_served_in_turn_and_the_jobs_of_one_in_their_order() {
        let mut queue = queue(9, 9);
        for (host, job) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1"), (3, "c1"), (2, "b2")] {
            assert_eq!(queue.add(key(host), job), None);
        }
        assert_eq!(from_fn(|| queue.take()).collect::<Vec<_>>(), ["a1", "b1", "c1", "a2", "b2", "a3"]);
        assert!(queue.is_idle() && queue.waiting.is_empty() && queue.turns.is_empty());
    }

    #[test]
    fn one_key_cannot_have_more_than_its_share() {
        let mut queue = queue(9, 2);
        assert_eq!([queue.add(key(1), "a1"), queue.add(key(1), "a2")], [None, None]);
        assert_eq!(queue.add(key(1), "a3"), Some(Rejected::New("a3")));
        assert_eq!(queue.add(QueueKey::Operator, "o1"), None);
        queue.take();
        assert_eq!(queue.add(key(1), "a4"), None);
    }

    #[test]
    fn in_a_full_queue_the_key_with_the_most_jobs_makes_room() {
        let mut queue = queue(4, 3);
        for (host, job) in [(1, "a1"), (1, "a2"), (1, "a3"), (2, "b1")] {
            assert_eq!(queue.add(key(host), job), None);
        }
        assert_eq!(queue.add(key(3), "c1"), Some(Rejected::Waiting("a3")));
        assert_eq!(queue.add(key(1), "a4"), Some(Rejected::New("a4")), "it has the most itself");
        assert_eq!(queue.add(key(2), "b2"), Some(Rejected::New("b2")), "it would have as many as the other");
        assert_eq!(queue.length, 4);
        assert_eq!(from_fn(|| queue.take()).collect::<Vec<_>>(), ["a1", "b1", "c1", "a2"]);
    }

    #[test]
    fn a_closed_queue_is_not_idle_and_has_no_job() {
        let mut queue = queue(4, 3);
        queue.add(key(1), "a1");
        queue.close();
        assert!(!queue.is_idle());
        assert_eq!(queue.take(), None);
    }
}
