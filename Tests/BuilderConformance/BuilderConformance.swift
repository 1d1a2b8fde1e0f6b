/// The contract of every builder, as cases that run against a ``BuilderHarness``.
///
/// ```swift
/// @Test(arguments: BuilderConformance.all)
/// func conforms(to rule: BuilderConformance) async throws {
///     try await rule.check(MyHarness())
/// }
/// ```
///
/// Cases share nothing, so they may run at the same time against one harness, except for those that restart it.
public struct BuilderConformance: Sendable, CustomStringConvertible {
    /// What must be true.
    public let description: String
    /// Whether the case restarts its harness.
    public let restarts: Bool
    private let body: @Sendable (Scene) async throws -> Void

    private init(
        _ description: String, restarts: Bool = false, _ body: @escaping @Sendable (Scene) async throws -> Void
    ) {
        self.description = description
        self.restarts = restarts
        self.body = body
    }

    /// Runs the case.
    /// - Throws: ``ConformanceFailure``, or what the builder or the harness throws.
    public func check(_ harness: any BuilderHarness) async throws { try await body(try Scene(harness)) }

    /// All cases.
    public static let all: [BuilderConformance] =
        reserving + carryingOut + following + logging + cancelling + restarting

    /// One name, one build.
    private static let reserving = [
        BuilderConformance("a created build is listed at once, by every process", createdIsListed),
        BuilderConformance("of twenty simultaneous creates of one name exactly one creates", oneOfTwenty),
        BuilderConformance("of builds with one idempotency key one runs, whatever their names", oneOfOneKey),
        BuilderConformance("a build keeps its name while it runs and after it succeeded", nameStaysTaken),
        BuilderConformance("what was promised is known to every process", promiseIsKept),
        BuilderConformance("builds of one webapp are not those of another", webappsAreApart),
        BuilderConformance("a build that does not exist is nil", unknownIsNil),
    ]

    /// What is told while builds go on.
    private static let following = [
        BuilderConformance("whoever follows a build sees it run and end, and nothing after the end", updatesToTheEnd),
        BuilderConformance("whoever follows a build that is cancelled is told so", updatesOfCancelled),
        BuilderConformance("a build that does not exist cannot be followed", updatesOfUnknown),
        BuilderConformance("whoever looks on is told of every build, of each change, and of nothing twice", snapshots),
        BuilderConformance("whoever looks on is told of a build that is cancelled", snapshotsOfCancelled),
        BuilderConformance("the end of a build is told to every process that looks after builds", endsAreTold),
    ]

    /// Success and failure.
    private static let carryingOut = [
        BuilderConformance("a success has the digest that the registry serves, and never before it does", success),
        BuilderConformance("progress only goes forward", progress),
        BuilderConformance("a failure says why, pushes nothing and keeps its name", failure),
        BuilderConformance("builds do not wait for each other's end", sideBySide),
    ]

    private static let logging = [
        BuilderConformance("the log is there while the build runs, and complete afterwards", logWhileRunning),
        BuilderConformance("following a log brings all of it and ends with the build", following),
        BuilderConformance("following the log of a build that has ended brings all of it and ends", followingEnded),
        BuilderConformance("following a log ends when the build is cancelled", followingCancelled),
    ]

    private static let cancelling = [
        BuilderConformance("a cancelled build pushes nothing, and its name is free once its last run is dead", cancel),
        BuilderConformance("cancelling at once after the create works, too", cancelAtOnce),
        BuilderConformance("cancelling a build that has ended leaves it as it is", cancelEnded),
        BuilderConformance("two that cancel at once both get an answer", cancelTwice),
    ]

    private static let restarting = [
        BuilderConformance("a restart loses nothing", restarts: true, restart)
    ]
}
