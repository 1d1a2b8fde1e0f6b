/// The callbacks of local builds: files in their directories.
struct LocalCallbackLedger: CallbackLedger {
    let store: LocalBuildStore
    /// Nothing tells of a build that ends in a process of its own, so the directory is looked at again and again.
    let news = Signal()

    func owed() throws -> [Build]? { try store.owedCallbacks() }

    /// Whoever uses this holds the lock, which the kernel takes away from nobody who lives.
    func maySend() -> Bool { true }

    func record(_ callback: Callback, of build: Build) async throws { try store.record(callback, of: build) }
}
