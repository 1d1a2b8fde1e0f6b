internal import FoundationEssentials
internal import Subprocess
internal import SystemPackage

/// Runs the programs that a local build consists of: argument lists, no shell, a small environment, an end in sight.
struct CommandRunner: Sendable {
    /// What a program ended with.
    enum Ending: Equatable, Sendable {
        case exited(Int32)
        case killed(Int32)

        var isSuccess: Bool { self == .exited(0) }
    }

    /// Environment variables that programs get to see, beside those that a call adds.
    ///
    /// No secret of ours is among them.
    static let inherited = [
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "TZ", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "BUILDAH_ISOLATION", "BUILDAH_FORMAT", "STORAGE_DRIVER", "STORAGE_OPTS", "CONTAINERS_CONF",
        "CONTAINERS_REGISTRIES_CONF", "CONTAINERS_STORAGE_CONF", "DOCKER_HOST", "BUILDKIT_HOST", "SSH_AUTH_SOCK",
    ]

    /// The environment to take ``inherited`` from.
    let environment: [String: String]

    /// Runs a program to its end, its output appended to `output`.
    ///
    /// The program and all that it starts form a session of their own. They are ended together when the calling task is cancelled
    /// (SIGTERM, and SIGKILL five seconds later), and by `timeout(1)` after `longest` even if nobody is left to watch them.
    /// - Throws: `CancellationError`, or ``BuildsError`` when the program cannot be started.
    func run(
        _ program: String, _ arguments: [String], in directory: FilePath, environment extra: [String: String] = [:],
        longest: Duration, output: FileDescriptor
    ) async throws -> Ending {
        var values = environment.filter { Self.inherited.contains($0.key) }
        values.merge(extra) { _, new in new }
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [
            .gracefulShutDown(toProcessGroup: true, allowedDurationToNextStep: .seconds(5))
        ]
        let result: ExecutionResult<Void, FileDescriptorOutput, FileDescriptorOutput>
        do {
            result = try await Subprocess.run(
                .name("timeout"),
                arguments: Arguments(
                    ["--kill-after=5", "\(max(1, longest.components.seconds))", program] + arguments),
                environment: .custom(
                    Dictionary(uniqueKeysWithValues: values.map { (Environment.Key(stringLiteral: $0.key), $0.value) })),
                workingDirectory: directory, platformOptions: options, input: .none,
                output: .fileDescriptor(output, closeAfterSpawningProcess: false),
                error: .fileDescriptor(output, closeAfterSpawningProcess: false))
        } catch let error as SubprocessError {
            throw BuildsError(.builderUnavailable, "cannot run \(program): \(error); is it installed, and in PATH?")
        }
        try Task.checkCancellation()
        switch result.terminationStatus {
        case .exited(let code): return .exited(code)
        case .signaled(let signal): return .killed(signal)
        }
    }

    /// Where a program is, or `nil` if PATH does not lead to it.
    static func path(of program: String, environment: [String: String]) -> String? {
        (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
            .map { "\($0)/\(program)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
