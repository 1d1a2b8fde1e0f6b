internal import FoundationEssentials
internal import Logging

extension LocalBuilder {
    /// Tells those who asked for builds how they have ended, for as long as no other process does.
    func deliverCallbacks() async {
        while !Task.isCancelled {
            do {
                if let lock = try store.callbacksLock() {
                    await CallbackDelivery(
                        sender: callbacks, ledger: StoreLedger(store: store), clock: ContinuousClock(),
                        now: { Date() }, logger: logger, longestEnding: longestCallbackEnding
                    ).run()
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
        let news = Signal()

        func owed() throws -> [Build]? { try store.owedCallbacks() }

        func maySend() -> Bool { true }

        func record(_ callback: Callback, of build: Build) async throws { try store.record(callback, of: build) }
    }
}
