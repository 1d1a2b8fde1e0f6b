internal import FoundationEssentials
internal import Logging
internal import Synchronization

/// Where the state of callbacks is recorded.
protocol CallbackLedger: Sendable {
    /// Raised when there may be something new; nobody else waits for it.
    var news: Signal { get }

    /// The builds that have ended and whose callback is not over, or is over and still holds the build; `nil` while
    /// that is not known.
    func owed() throws -> [Build]?

    /// Whether nobody else sends for as long as an attempt takes.
    func maySend() -> Bool

    /// Writes down what came of a callback and, once it is over, lets go of the build.
    ///
    /// Returns as well where the build is gone.
    func record(_ callback: Callback, of build: Build) async throws
}

/// Delivers the callbacks of a ledger, each at least once or visibly not at all.
///
/// Delivered means answered by the receiver, and then recorded: a process that dies in between leaves the callback to
/// another, which sends it again under the same id.
struct CallbackDelivery: Sendable {
    /// The longest time between two looks at the ledger.
    private static let longestRound: TimeInterval = 1
    /// The shortest time between two looks at the ledger.
    private static let shortestRound: Duration = .milliseconds(50)
    /// The longest time between two attempts to record.
    private static let longestPause: Duration = .seconds(30)

    /// Nothing is sent without one, and every callback is given up.
    let sender: CallbackSender?
    let ledger: any CallbackLedger
    let clock: any Clock<Duration>
    let now: @Sendable () -> Date
    let logger: Logger
    /// For how long what was begun goes on after the end: an attempt, and what it takes to record it.
    var longestEnding = Self.longestEnding

    /// The default of how long what was begun goes on.
    static let longestEnding = CallbackSender.longestAttempt + .seconds(5)

    /// Delivers until the calling task is cancelled and what was begun by then is recorded.
    func run() async {
        let desk = SharedDesk()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let (due, next) = look(desk)
                for build in due {
                    group.addTask {
                        let callback = await deliverToEnd(build)
                        desk.state.withLock { $0.finish(build, callback) }
                        ledger.news.raise()
                    }
                }
                try? await clock.sleep(for: Self.shortestRound)
                let wait = min(next?.timeIntervalSince(now()) ?? Self.longestRound, Self.longestRound)
                try? await ledger.news.wait(upTo: .milliseconds(Int64(max(wait, 0) * 1000) + 1), on: clock)
            }
        }
    }

    private func look(_ desk: SharedDesk) -> ([Build], Date?) {
        do {
            guard let owed = try ledger.owed() else { return ([], nil) }
            return desk.state.withLock { $0.take(from: owed, at: now()) }
        } catch {
            logger.error("callbacks cannot be looked after", metadata: ["error": "\(error)"])
            return ([], nil)
        }
    }

    /// Delivers once, and goes on for a while when the task is cancelled: a receiver that was reached without anybody knowing
    /// would be called again, and n8n answers that with 409.
    private func deliverToEnd(_ build: Build) async -> Callback? {
        guard !Task.isCancelled else { return nil }
        let delivery = Task { await deliver(build) }
        return await withTaskCancellationHandler {
            await delivery.value
        } onCancel: {
            Task {
                try? await clock.sleep(for: longestEnding)
                delivery.cancel()
            }
        }
    }

    /// Makes one attempt and records what came of it.
    /// - Returns: What is recorded; `nil` if nothing was, and the attempt has to be made by somebody else.
    private func deliver(_ build: Build) async -> Callback? {
        var callback = build.callback ?? Callback()
        if !callback.status.isFinal {
            do {
                let attempt: CallbackAttempt
                if let sender {
                    guard ledger.maySend() else { return nil }
                    attempt = try await sender.attempt(build)
                } else {
                    attempt = .refused("this service does not call back; CALLBACK_ALLOWED_HOSTS is not set")
                }
                callback = CallbackSchedule.next(after: callback, attempt, at: now(), jitter: .random(in: 0...1))
            } catch {
                return nil
            }
            log(callback, of: build)
        }
        return await record(callback, of: build) ? callback : nil
    }

    /// Records until it is done or the task is cancelled: what was sent must not be sent again because of a moment's trouble.
    private func record(_ callback: Callback, of build: Build) async -> Bool {
        var pause: Duration = .seconds(1)
        while true {
            do {
                try await ledger.record(callback, of: build)
                return true
            } catch {
                guard !Task.isCancelled else { return false }
                logger.warning(
                    "what came of a callback could not be recorded; it is tried again",
                    metadata: ["build": "\(build.id)", "error": "\(error)"])
            }
            do {
                try await clock.sleep(for: pause)
            } catch {
                return false
            }
            pause = min(pause * 2, Self.longestPause)
        }
    }

    private func log(_ callback: Callback, of build: Build) {
        var metadata: Logger.Metadata = [
            "build": "\(build.id)", "host": "\(build.callbackHost ?? "-")", "attempts": "\(callback.attempts)",
        ]
        let answer = "\(callback.lastAnswer ?? "")"
        switch callback.status {
        case .delivered:
            BuildMetrics.callback(.delivered)
            logger.info("callback delivered", metadata: metadata)
        case .abandoned:
            BuildMetrics.callback(.abandoned)
            metadata["reason"] = "\(answer)"
            logger.warning("callback abandoned", metadata: metadata)
        case .pending, .retrying:
            BuildMetrics.callback(.retried)
            metadata["reason"] = "\(answer)"
            logger.info("callback not delivered yet", metadata: metadata)
        }
    }
}

/// The desk, between the loop and its deliveries.
private final class SharedDesk: Sendable {
    let state = Mutex(CallbackDesk())
}
