#if TSAN
import Glibc
#else
import Synchronization
#endif

/// A value that is only touched under its lock.
///
/// ThreadSanitizer does not understand the futex of `Mutex` on Linux and reports races where there are none. It does
/// understand a pthread mutex, which is used when compiled with `-DTSAN`.
struct Locked<Value>: ~Copyable, Sendable {
    #if TSAN
    private final class Storage: @unchecked Sendable {
        // Unchecked: the value is only touched between lock and unlock.
        let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        var value: Value

        init(_ value: Value) {
            self.value = value
            pthread_mutex_init(mutex, nil)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
        }
    }

    private let storage: Storage

    init(_ value: consuming sending Value) { storage = Storage(value) }

    func withLock<Result, Failure: Error>(_ body: (inout Value) throws(Failure) -> Result) throws(Failure) -> Result {
        pthread_mutex_lock(storage.mutex)
        defer { pthread_mutex_unlock(storage.mutex) }
        return try body(&storage.value)
    }
    #else
    private let mutex: Mutex<Value>

    init(_ value: consuming sending Value) { mutex = Mutex(value) }

    func withLock<Result, Failure: Error>(
        _ body: (inout sending Value) throws(Failure) -> sending Result
    ) throws(Failure) -> sending Result {
        try mutex.withLock(body)
    }
    #endif
}
