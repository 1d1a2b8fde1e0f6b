import BuilderConformance
import Builds
import CurlTransport
import FoundationEssentials
import HTTPTransport
import Logging
import OCIDistribution
import RegistryTesting
import Synchronization
import SystemPackage

/// The world of the local builder: real git and buildah, the real worker program, a real registry.
///
/// To hold a build, buildah is reached through a script that waits for a directory before it goes on as the real buildah.
final class LocalHarness: BuilderHarness {
    let naming: ImageNaming
    let registry: any TagRegistry
    let patience: Duration = .seconds(60)
    let failureText = "missing-on-purpose"
    let logLandmarks = ["== cloning", "== building", "== pushing"]

    private let scene: Scene
    private let transport: CurlTransport
    private let caretaker = Mutex<Task<Void, Never>?>(nil)

    /// Sets the scene, lets `body` play in it, and ends everything that was started meanwhile.
    static func run(_ body: (LocalHarness) async throws -> Void) async throws {
        try await Scene.play { scene in
            let harness = try await LocalHarness(scene)
            do {
                try await body(harness)
            } catch {
                await harness.close()
                throw error
            }
            await harness.close()
        }
    }

    private init(_ scene: Scene) async throws {
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let host = try RegistryHost(scene.registry.authority)
        self.scene = scene
        transport = CurlTransport(logger: logger)
        naming = try ImageNaming(registry: host, prefix: "webapp")
        registry = RegistryClient(
            configuration: RegistryClient.Configuration(registry: host, endpoint: try HTTPURL(scene.registry.url)),
            transport: transport,
            credentials: CredentialStore(directory: "\(scene.directory)/docker", environment: [:], logger: logger),
            logger: logger)
        try await scene.repository.commit([
            "fails/Dockerfile": "FROM scratch\nCOPY missing-on-purpose /\n",
            "holds/Dockerfile": "FROM scratch\nCOPY . /\n",
            "holds/hold": "until released\n",
        ])
        try Scene.write(Self.script, to: "\(scene.directory)/bin/buildah", permissions: 0o700)
        try FileManager.default.createDirectory(
            atPath: "\(scene.directory)/release", withIntermediateDirectories: true)
        startCaretaker()
    }

    /// Waits where there is a file `hold` in the sources.
    ///
    /// Its directory begins with the id of the build.
    private static let script = """
        #!/bin/bash
        context=${!#}
        if [ "$1" = build ] && [ -e "$context/hold" ]; then
            trap 'sleep 0.3; exit 143' TERM
            build=$(basename "$PWD")
            until rmdir "$TMPDIR/../release/${build%%~*}" 2>/dev/null; do sleep 0.05; done
            trap - TERM
        fi
        PATH=${PATH#*:}
        exec buildah "$@"

        """

    private var environment: [String: String] {
        var environment = scene.settings
        environment["PATH"] = "\(scene.directory)/bin:\(scene.settings["PATH"] ?? "")"
        environment["BUILD_CONCURRENCY"] = "8"
        environment["LD_LIBRARY_PATH"] = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"]
        return environment
    }

    private func builder() throws -> LocalBuilder {
        LocalBuilder(
            stateDirectory: FilePath("\(scene.directory)/state"), places: 8,
            worker: LocalBuilder.WorkerCommand(
                executable: FilePath(try Program.path), arguments: ["work"], environment: environment),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    /// What `serve` does beside answering.
    private func startCaretaker() {
        caretaker.withLock { task in
            task = Task { [self] in
                guard let builder = try? builder() else { return }
                await builder.run(as: .service) { _ in }
            }
        }
    }

    private func stopCaretaker() async {
        let task = caretaker.withLock { $0 }
        task?.cancel()
        await task?.value
    }

    private func close() async {
        await stopCaretaker()
        await transport.shutDown()
    }

    // MARK: BuilderHarness

    func makeBuilder() async throws -> any Builder { try builder() }

    func source(for behavior: BuildBehavior) async throws -> GitSource {
        let subdirectory =
            switch behavior {
            case .succeeds: "app-example"
            case .fails: "fails"
            case .holds: "holds"
            }
        return GitSource(url: scene.repository.url, ref: "main", commit: nil, subdirectory: subdirectory)
    }

    func release(_ id: BuildID) async throws {
        // There at once or not at all: whoever waits for it removes it.
        try FileManager.default.createDirectory(
            atPath: "\(scene.directory)/release/\(id)", withIntermediateDirectories: false)
    }

    /// Every attempt has a directory of its own, in which its programs run.
    func livingRuns(of id: BuildID) async throws -> Int {
        let prefix = FilePath("\(scene.directory)/state").appending("work").appending("\(id)~").string
        let files = FileManager.default
        let runs = try files.contentsOfDirectory(atPath: "/proc").compactMap { process -> String? in
            guard Int(process) != nil,
                let directory = try? files.destinationOfSymbolicLink(atPath: "/proc/\(process)/cwd"),
                directory.hasPrefix(prefix)
            else { return nil }
            return String(directory.dropFirst(prefix.count).prefix { $0 != "/" && $0 != " " })
        }
        return Set(runs).count
    }

    func restart() async throws {
        await stopCaretaker()
        try await Caretaker.kill("\(scene.directory)/tmp")
        startCaretaker()
    }
}
