import CurlTransport
import FoundationEssentials
import HTTPTransport
import KubernetesClient
import OCIDistribution
import Synchronization

@testable import Builds

extension LocalBuildStore {
    /// The builds that have ended and whose caller is still to be told, as they are now.
    func owedCallbacks() throws -> [Build] { try LocalBuildCache(self).content().owed }
}

/// A time of day that the test sets.
final class Almanac: Sendable {
    private let time: Mutex<Date>

    init(_ start: Date = Date(timeIntervalSince1970: 1_795_339_400)) { time = Mutex(start) }

    var now: Date { time.withLock(\.self) }
    func advance(to date: Date) { time.withLock { $0 = max($0, date) } }
    func advance(by seconds: Double) { time.withLock { $0 += seconds } }
}

/// A clock whose every sleep takes the same time, whatever was asked for.
struct MonotonousClock: Clock {
    /// Every time is over at once.
    static let hasty = MonotonousClock(pause: .milliseconds(1))
    /// No time is over before the test is.
    static let patient = MonotonousClock(pause: .seconds(3600))

    let pause: Duration
    private let base = ContinuousClock()

    private init(pause: Duration) { self.pause = pause }

    var now: ContinuousClock.Instant { base.now }
    var minimumResolution: Duration { base.minimumResolution }

    func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
        try await base.sleep(for: pause)
    }
}

/// A transport that does what the test says.
struct TestTransport: Transport {
    let answer: @Sendable (OutboundRequest) async throws -> InboundResponse

    func send(_ request: OutboundRequest) async throws -> InboundResponse { try await answer(request) }
}

/// The body that tells of a build, with everything in it that an attempt might change.
func callbackDocument(_ build: Build) -> [UInt8] {
    let document: JSONValue = [
        "id": .string(build.id.description), "status": .string(build.status.rawValue),
        "message": .string(build.message), "digest": build.digest.map { .string($0.description) } ?? .null,
        "attempts": build.callback.map { .number(JSONNumber($0.attempts)) } ?? .null,
    ]
    return document.json()
}

/// A sender to a receiver on this machine; it waits for answers as long as they take.
func callbackSender(
    _ transport: any Transport, targets: String = "http://127.0.0.1, http://localhost", secret: String? = nil,
    clock: any Clock<Duration> = MonotonousClock.patient, now: @escaping @Sendable () -> Date = { Date() }
) throws -> CallbackSender {
    let secret = try secret.map { try CallbackSecret(Array($0.utf8)) }
    return CallbackSender(
        transport: transport, targets: try CallbackTargets(targets), secret: { secret },
        userAgent: "registry-query/test",
        document: callbackDocument, clock: clock, now: now)
}

/// A build that has ended and whose caller is to be told.
func endedBuild(_ version: String = "v1.2.3", url: String?, status: Build.Status = .succeeded) throws -> Build {
    var plan = try kubernetesPlan(version)
    plan.callbackURL = url
    var build = plan.queued(message: "the registry serves it")
    build.status = status
    return build
}
