internal import FoundationEssentials
internal import Logging

extension LocalBuilder {
    /// Tells those who asked for builds how they have ended, for as long as no other process does.
    func deliverCallbacks() async {
        while !Task.isCancelled {
            do {
                if let lock = try store.callbacksLock() {
                    let delivery = CallbackDelivery(
                        sender: callbacks, ledger: StoreLedger(store: store, cache: cache), clock: ContinuousClock(),
                        now: { Date() }, logger: logger, longestEnding: longestCallbackEnding)
                    await withDiscardingTaskGroup { group in
                        group.addTask { await delivery.run() }
                        // Of all processes this one counts.
                        group.addTask { [self] in await keepJournal() }
                    }
                    _ = consume lock
                }
            } catch {
                logger.error("callbacks cannot be looked after", metadata: ["error": "\(error)"])
            }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// The directory of builds as the record of callbacks, for the holder of its lock.
    private struct StoreLedger: CallbackLedger {
        let store: LocalBuildStore
        let cache: LocalBuildCache
        let news = Signal()

        // What cannot be read is told of by whoever reads builds.
        func owed() throws -> [Build]? { try cache.content().owed }

        func maySend() -> Bool { true }

        func record(_ callback: Callback, of build: Build) async throws { try store.record(callback, of: build) }
    }
}
