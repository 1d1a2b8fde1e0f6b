import FoundationEssentials
import HTTPTransport
import Logging
import ServiceLifecycle
import Synchronization

/// Looks after the things that the service stands on, and tells how they are.
///
/// The service is ready from the moment on when each of them has been well once: then its configuration is known to
/// work. What fails later is told, but takes no replica out of service: requests say best what is wrong, and without
/// replicas nobody would answer them.
final class Readiness: Service {
    /// How one of the things is.
    struct Dependency: Sendable, Equatable {
        enum State: String, Sendable {
            case unknown
            case ok
            case failing
        }

        var state = State.unknown
        /// Why it is failing.
        var message: String?
        var checkedAt: Date?
        /// Whether it has ever been well.
        var wasOK = false
    }

    /// A name and a way to find out.
    struct Check: Sendable {
        var name: String
        var run: @Sendable () async throws -> Void
    }

    /// How long a check may take.
    static let checkLimit: Duration = .seconds(10)

    private let checks: [Check]
    private let clock: any Clock<Duration>
    private let logger: Logger
    private let states: Mutex<[String: Dependency]>

    init(_ checks: [Check], clock: any Clock<Duration>, logger: Logger) {
        self.checks = checks
        self.clock = clock
        self.logger = logger
        self.states = Mutex(Dictionary(uniqueKeysWithValues: checks.map { ($0.name, Dependency()) }))
    }

    /// All of them, in the order of their checks.
    var dependencies: [(name: String, Dependency)] {
        states.withLock { states in checks.map { ($0.name, states[$0.name] ?? Dependency()) } }
    }

    var isReady: Bool { dependencies.allSatisfy(\.1.wasOK) }

    /// Checks until the service ends: each second until all is well, then every 20 s.
    func run() async throws {
        // The only error is the cancellation at the end.
        try? await cancelWhenGracefulShutdown { [self] in
            while true {
                await checkAll()
                try await clock.sleep(for: isReady ? .seconds(20) : .seconds(1))
            }
        }
    }

    func checkAll() async {
        await withDiscardingTaskGroup { group in
            for check in checks { group.addTask { await self.perform(check) } }
        }
    }

    private func perform(_ check: Check) async {
        do {
            try await withDeadline(Self.checkLimit, check.run)
            note(check.name, nil)
        } catch is CancellationError {
            // Says nothing about the dependency.
        } catch is DeadlineExceeded {
            note(check.name, "no answer within \(Self.checkLimit)")
        } catch {
            note(check.name, redacted("\(error)", limit: 500))
        }
    }

    private func note(_ name: String, _ trouble: String?) {
        let before = states.withLock { states -> Dependency.State? in
            let before = states[name]
            states[name] = Dependency(
                state: trouble == nil ? .ok : .failing, message: trouble, checkedAt: Date(),
                wasOK: trouble == nil || before?.wasOK == true)
            return before?.state
        }
        if let trouble {
            guard before != .failing else { return }
            logger.warning("dependency is failing", metadata: ["dependency": "\(name)", "error": "\(trouble)"])
        } else if before == .failing {
            logger.notice("dependency is well again", metadata: ["dependency": "\(name)"])
        }
    }
}
