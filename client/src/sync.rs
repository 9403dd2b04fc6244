//! How this crate locks.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// Locks a mutex whose data stays consistent even if another holder panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How often a mutex is looked at: some 20 µs, which is far more than anybody needs it for at a time.
const LOOKS: usize = 1000;

/// Whether a mutex is free now, or will be in a moment. One that is not is held by a thread that does not run.
pub fn is_free<T>(mutex: &Mutex<T>) -> bool {
    (0..LOOKS).any(|_| {
        let is_held = matches!(mutex.try_lock(), Err(TryLockError::WouldBlock));
        if is_held {
            std::hint::spin_loop();
        }
        !is_held
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutex_is_free_unless_somebody_holds_it() {
        let mutex = Mutex::new(());
        let held = lock(&mutex);
        assert!(!is_free(&mutex));
        drop(held);
        assert!(is_free(&mutex));
        let _ = std::thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _held = lock(&mutex);
                    std::panic::resume_unwind(Box::new("gone"));
                })
                .join()
        });
        assert!(is_free(&mutex), "also after a panic");
    }
}
