//! The process's CPU, divided fairly between models: an inference runs only while it holds its lanes.
//!
//! Without lanes the streams of several models would run at once and take the cores from each other in the middle of
//! a batch, so that every batch of every model is slow. A lane is taken before the batch is formed, so entries that
//! arrive while a stream waits for its lane are still in the batch.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// All lanes of the process.
#[derive(Debug)]
pub(crate) struct Lanes {
    total: usize,
    state: Mutex<LaneState>,
    granted: Condvar,
}

#[derive(Debug, Default)]
struct LaneState {
    free: usize,
    next_ticket: u64,
    next_user: u64,
    next_turn: u64,
    /// In order of arrival.
    waiting: Vec<Waiter>,
    /// When each user was served last, as a count of grants.
    last_turn: HashMap<u64, u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Waiter {
    ticket: u64,
    user: u64,
    lanes: usize,
}

/// One model's claim on the lanes.
#[derive(Debug)]
pub(crate) struct LaneUser {
    lanes: Arc<Lanes>,
    id: u64,
    /// Lanes that one inference takes.
    width: usize,
}

/// Lanes held; given back on drop.
#[derive(Debug)]
pub(crate) struct Lane<'a> {
    user: &'a LaneUser,
    width: usize,
}

impl Lanes {
    pub(crate) fn new(total: usize) -> Arc<Self> {
        let total = total.max(1);
        Arc::new(Self {
            total,
            state: Mutex::new(LaneState { free: total, ..LaneState::default() }),
            granted: Condvar::new(),
        })
    }

    /// Registers a model whose inferences take `width` lanes each; more than there are count as all.
    pub(crate) fn register(self: &Arc<Self>, width: usize) -> LaneUser {
        let mut state = self.lock();
        let id = state.next_user;
        state.next_user += 1;
        LaneUser { lanes: Arc::clone(self), id, width: width.min(self.total) }
    }

    /// How many inferences wait for lanes.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().expect("nothing panics while it holds the lanes' lock")
    }
}

impl LaneUser {
    /// Waits until it is this model's turn and its lanes are free.
    pub(crate) fn take(&self) -> Lane<'_> {
        let mut state = self.lanes.lock();
        let ticket = state.next_ticket;
        state.next_ticket += 1;
        state.waiting.push(Waiter { ticket, user: self.id, lanes: self.width });
        if state.grant() {
            self.lanes.granted.notify_all();
        }
        while state.waiting.iter().any(|waiter| waiter.ticket == ticket) {
            state = self
                .lanes
                .granted
                .wait(state)
                .expect("nothing panics while it holds the lanes' lock");
        }
        Lane { user: self, width: self.width }
    }

    /// How many inferences of this model can run at once, if it has `streams`.
    pub(crate) fn parallel(&self, streams: usize) -> usize {
        match self.width {
            0 => streams,
            width => streams.min(self.lanes.total / width),
        }
        .max(1)
    }
}

impl Drop for LaneUser {
    fn drop(&mut self) {
        self.lanes.lock().last_turn.remove(&self.id);
    }
}

impl Lane<'_> {
    /// Holds so many lanes in all (at most all there are) if they are free and nobody waits for any.
    pub(crate) fn try_widen(&mut self, width: usize) -> bool {
        let lanes = &self.user.lanes;
        let more = width.min(lanes.total).saturating_sub(self.width);
        let mut state = lanes.lock();
        if more > state.free || !state.waiting.is_empty() {
            return false;
        }
        state.free -= more;
        self.width += more;
        true
    }
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        let lanes = &self.user.lanes;
        let mut state = lanes.lock();
        state.free += self.width;
        if state.grant() {
            lanes.granted.notify_all();
        }
    }
}

impl LaneState {
    /// Gives free lanes to those whose turn it is, and tells whether anyone got some.
    fn grant(&mut self) -> bool {
        let mut any = false;
        while let Some(position) = next_in_turn(&self.waiting, &self.last_turn, self.free) {
            let waiter = self.waiting.remove(position);
            self.free -= waiter.lanes;
            self.next_turn += 1;
            self.last_turn.insert(waiter.user, self.next_turn);
            any = true;
        }
        any
    }
}

/// Whose turn it is: of the model that was served longest ago (or never), the one that has waited longest. If its
/// lanes are not free, nobody's: a wide inference must not be overtaken for ever by narrow ones. Inferences that take
/// no lanes go at once.
fn next_in_turn(waiting: &[Waiter], last_turn: &HashMap<u64, u64>, free: usize) -> Option<usize> {
    if let Some(position) = waiting.iter().position(|waiter| waiter.lanes == 0) {
        return Some(position);
    }
    let turn = |waiter: &Waiter| (last_turn.get(&waiter.user).copied().unwrap_or(0), waiter.ticket);
    let (position, waiter) = waiting.iter().enumerate().min_by_key(|(_, waiter)| turn(waiter))?;
    (waiter.lanes <= free).then_some(position)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiter(ticket: u64, user: u64, lanes: usize) -> Waiter {
        Waiter { ticket, user, lanes }
    }

    #[test]
    fn models_take_turns_however_many_streams_each_has() {
        let waiting = [waiter(1, 7, 1), waiter(2, 7, 1), waiter(3, 8, 1)];
        assert_eq!(next_in_turn(&waiting, &HashMap::new(), 1), Some(0));
        assert_eq!(next_in_turn(&waiting, &HashMap::from([(7, 5)]), 1), Some(2));
        assert_eq!(next_in_turn(&waiting, &HashMap::from([(7, 5), (8, 6)]), 1), Some(0));
    }

    #[test]
    fn a_wide_inference_is_not_overtaken_by_narrow_ones() {
        let waiting = [waiter(1, 7, 2), waiter(2, 8, 1)];
        assert_eq!(next_in_turn(&waiting, &HashMap::new(), 1), None);
        assert_eq!(next_in_turn(&waiting, &HashMap::new(), 2), Some(0));
    }

    #[test]
    fn an_inference_off_the_cpu_never_waits() {
        let waiting = [waiter(1, 7, 2), waiter(2, 8, 0)];
        assert_eq!(next_in_turn(&waiting, &HashMap::new(), 0), Some(1));
    }

    #[test]
    fn a_lane_widens_only_by_lanes_that_are_free_and_gives_all_back() {
        let lanes = Lanes::new(3);
        let (one, other) = (lanes.register(1), lanes.register(1));
        let mut lane = one.take();
        let held = other.take();
        assert!(!lane.try_widen(3), "one is held by another");
        assert!(lane.try_widen(2));
        drop(held);
        assert!(lane.try_widen(8), "all there are");
        assert_eq!(lanes.lock().free, 0);
        drop(lane);
        assert_eq!(lanes.lock().free, 3);
    }

    #[test]
    fn lanes_are_given_back_and_a_model_wider_than_all_lanes_still_runs() {
        let lanes = Lanes::new(2);
        let wide = lanes.register(8);
        let narrow = lanes.register(1);
        assert_eq!(
            (wide.parallel(4), narrow.parallel(4), lanes.register(0).parallel(4)),
            (1, 2, 4)
        );
        drop(wide.take());
        let (one, two) = (narrow.take(), narrow.take());
        assert_eq!(lanes.lock().free, 0);
        drop((one, two));
        drop(wide.take());
        assert_eq!(lanes.lock().free, 2);
        drop((wide, narrow));
        assert!(lanes.lock().last_turn.is_empty());
    }
}
