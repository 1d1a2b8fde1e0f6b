public import Builds

/// What a build is made to do.
public enum BuildBehavior: Sendable, CaseIterable {
    /// It clones, builds, pushes and succeeds, within a few seconds.
    case succeeds
    /// Its build step fails. The output of that step contains ``BuilderHarness/failureText``, and nothing is pushed.
    case fails
    /// It begins its build, has then written the first of ``BuilderHarness/logLandmarks``, and goes no further until
    /// it is released; then it succeeds. Told to stop, it does not end in the same instant.
    case holds
}

/// The world of a builder under test: its state, its registry, its sources.
///
/// Nothing in it is about Kubernetes, or about this machine; the suite knows builders by their protocol only.
public protocol BuilderHarness: Sendable {
    /// How images are named.
    var naming: ImageNaming { get }
    /// The registry that builds push to.
    var registry: any TagRegistry { get }
    /// The longest that anything may take that is waited for.
    var patience: Duration { get }
    /// What a failed build's output says, and its message must say.
    var failureText: String { get }
    /// Texts that the log of every successful build contains in this order: at least one of the clone and one of the
    /// build.
    var logLandmarks: [String] { get }

    /// A builder on the state of this harness. Every call stands for another process.
    func makeBuilder() async throws -> any Builder

    /// What to build so that it behaves like this.
    func source(for behavior: BuildBehavior) async throws -> GitSource

    /// Lets a held build go on. Builds of the same name that are made later are held again.
    func release(_ id: BuildID) async throws

    /// How many attempts to carry out a build of this name are alive at this moment: processes or Pods that could
    /// still push.
    func livingRuns(of id: BuildID) async throws -> Int

    /// Kills everything of the service, as `kill -9` does, and starts it anew. Builders made before are not used any
    /// more.
    func restart() async throws
}
