import HTTPTypes
import Synchronization

/// Slows down a source that keeps failing to say who it is; see ``FailureLedger``.
///
/// Only answers to failed attempts wait here: a right token is never delayed, from whatever source it comes. But one that
/// nobody knows is not even reviewed where a wrong one would be refused.
final class FailureThrottle: Sendable {
    private let ledger = Mutex(FailureLedger())
    private let now: @Sendable () -> Duration
    private let sleep: @Sendable (Duration) async throws -> Void

    init<Time: Clock>(clock: Time) where Time.Duration == Duration {
        let start = clock.now
        now = { start.duration(to: clock.now) }
        sleep = { try await clock.sleep(for: $0) }
    }

    /// Returns once a failed attempt may be answered.
    /// - Throws: ``Problem`` when too many of the source's attempts wait already, and `CancellationError`.
    func delayAnswer(to source: SourceAddress) async throws {
        let now = now()
        switch ledger.withLock({ $0.note(source, at: now) }) {
        case .answer(after: .zero): return
        case .answer(let delay): try await sleep(delay)
        case .refuse(let delay): throw Self.refusal(delay)
        }
    }

    /// Returns if a failed attempt would be answered now; notes none.
    /// - Throws: ``Problem`` when it would be refused.
    func checkRoom(for source: SourceAddress) throws(Problem) {
        let now = now()
        if case .refuse(let delay) = ledger.withLock({ $0.verdict(on: source, at: now) }) { throw Self.refusal(delay) }
    }

    private static func refusal(_ delay: Duration) -> Problem {
        let seconds = delay.secondsRoundedUp
        return Problem(
            .tooManyFailures,
            "too many attempts with a wrong token or signature came from this address: correct it, and try again in "
                + "\(seconds) s; signatures, and tokens that are known to be right, are checked at any time",
            headers: [.retryAfter: "\(seconds)"]
        ).closingConnection
    }
}
