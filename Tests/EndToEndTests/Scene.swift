import FoundationEssentials
import Glibc
import KubernetesStandIn
import RegistryTesting
import Subprocess
import SystemPackage

/// A registry with htpasswd, a Git repository with webapps, and what the program needs to know of both.
final class Scene: Sendable {
    /// The user whose password the program is given at first.
    static let user = "demo"
    static let password = "correct horse"

    let directory: String
    let registry: TestRegistry
    let repository: GitRepository
    let client = HTTPClient()
    /// The settings, by environment variable.
    let settings: [String: String]

    private init(directory: String, registry: TestRegistry, repository: GitRepository, settings: [String: String]) {
        self.directory = directory
        self.registry = registry
        self.repository = repository
        self.settings = settings
    }

    /// Sets a scene, lets `body` play in it, and ends everything that was started meanwhile.
    /// - Parameter settings: Settings that differ from the scene's own.
    static func play(_ settings: [String: String] = [:], _ body: (Scene) async throws -> Void) async throws {
        try await Caretaker.start()
        let directory = "\(Caretaker.directory)/\(UUID().uuidString.prefix(8))"
        do {
            let scene = try await Scene.set(in: directory, settings)
            defer { scene.registry.close() }
            try await body(scene)
        } catch {
            try await Caretaker.end(directory)
            throw error
        }
        try await Caretaker.end(directory)
    }

    private static func set(in directory: String, _ settings: [String: String]) async throws -> Scene {
        for name in ["docker", "home", "state", "tmp"] {
            try FileManager.default.createDirectory(
                atPath: "\(directory)/\(name)", withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        }
        try write(
            """
            [storage]
            driver = "vfs"
            graphroot = "\(directory)/storage"
            runroot = "\(directory)/run"

            """, to: "\(directory)/storage.conf")
        let registry = try await TestRegistry.start(.htpasswd([user: password]))
        let repository = try await GitRepository(at: "\(directory)/webapps")
        let scene = Scene(
            directory: directory, registry: registry, repository: repository,
            settings: [
                "REGISTRY": registry.authority,
                "REGISTRY_ENDPOINT": registry.url,
                "DOCKER_CONFIG": "\(directory)/docker",
                "BUILDER": "local",
                "STATE_DIR": "\(directory)/state",
                "GIT_REPO_URL": repository.url,
                "LISTEN": "127.0.0.1:0",
                "TMPDIR": "\(directory)/tmp",
                "HOME": "\(directory)/home",
                "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin",
                // What buildah needs where it may not make namespaces or mounts.
                "BUILDAH_ISOLATION": "chroot",
                "STORAGE_DRIVER": "vfs",
                "CONTAINERS_STORAGE_CONF": "\(directory)/storage.conf",
            ].merging(settings) { $1 })
        try scene.writeCredentials(password: password)
        return scene
    }

    /// Writes `config.json` as it is mounted from a Secret: swapped as a whole, by way of a symbolic link.
    func writeCredentials(password: String) throws {
        let auth = Data("\(Self.user):\(password)".utf8).base64EncodedString()
        let version = "..\(UUID().uuidString)"
        let docker = "\(directory)/docker"
        try Self.write(
            #"{"auths": {"\#(registry.authority)": {"auth": "\#(auth)"}}}"#, to: "\(docker)/\(version)/config.json")
        let files = FileManager.default
        try files.createSymbolicLink(atPath: "\(docker)/..data_tmp", withDestinationPath: version)
        guard rename("\(docker)/..data_tmp", "\(docker)/..data") == 0 else {
            throw TestingError("the link to the credentials cannot be swapped")
        }
        guard !files.fileExists(atPath: "\(docker)/config.json") else { return }
        try files.createSymbolicLink(atPath: "\(docker)/config.json", withDestinationPath: "..data/config.json")
    }

    /// Starts `registry-query serve` and waits until it listens.
    func service(_ changes: [String: String] = [:], name: String = "service") async throws -> ServiceProcess {
        try await ServiceProcess(settings: settings.merging(changes) { $1 }, name: name, client: client)
    }

    /// Runs `body` beside a cluster; gives it the settings with which the program builds there.
    ///
    /// - Parameters:
    ///   - second: How long a second of a build takes.
    ///   - script: What becomes of a Job, by its name; without one each build pushes to the scene's registry.
    func inCluster(
        second: Duration, script: (@Sendable (String) -> PodScript)? = nil,
        _ body: (KubernetesStandIn, _ settings: [String: String]) async throws -> Void
    ) async throws {
        try await KubernetesStandIn.run { standIn in
            standIn.withSettings { stand in
                stand.second = second
                // Its seconds are short, and a time to live would be over while a test still looks.
                stand.keepsFinishedJobs = true
                stand.script = { [registry] job, _ in script?(job) ?? .success(pushingTo: registry) }
            }
            let kubeconfig = "\(directory)/kubeconfig"
            try standIn.writeKubeconfig(to: kubeconfig)
            try await body(
                standIn,
                [
                    "BUILDER": "kubernetes", "KUBECONFIG": kubeconfig,
                    "GIT_REPO_URL": "https://git.example/webapps.git",
                ])
        }
    }

    /// What a run of the program came to.
    struct Ending: Sendable {
        /// The exit status, or `nil` if a signal ended it.
        var status: Int32?
        var output: String
        var errors: String
    }

    /// Runs a command of the program to its end.
    func run(_ arguments: String..., input: String = "", changing changes: [String: String] = [:]) async throws
        -> Ending
    {
        try await Self.run(arguments, input: input, settings: settings.merging(changes) { $1 })
    }

    /// Runs a command of the program with these settings and no others.
    static func run(_ arguments: [String], input: String = "", settings: [String: String]) async throws -> Ending {
        let result = try await Subprocess.run(
            .path(FilePath(try Program.path)), arguments: Arguments(arguments),
            environment: .custom(Program.environment(settings)),
            input: .string(input), output: .string(limit: 4 << 20), error: .string(limit: 4 << 20))
        var status: Int32?
        if case .exited(let code) = result.terminationStatus { status = code }
        return Ending(status: status, output: result.standardOutput, errors: result.standardError)
    }

    /// How often the registry was asked for the tags of a webapp.
    func listings(of webapp: String) -> Int {
        registry.requests().count { $0.hasPrefix("GET /v2/webapp/\(webapp)/tags/list") && $0.hasSuffix(" 200") }
    }

    /// What the registry itself says that a tag is, asked without the program.
    func servedDigest(of tag: String, webapp: String = "app-example") async throws -> String? {
        let answer = try await client.send(
            "HEAD", "\(registry.url)/v2/webapp/\(webapp)/manifests/\(tag)",
            headers: ["Accept: application/vnd.oci.image.manifest.v1+json"], user: "\(Self.user):\(Self.password)")
        return answer.headers["docker-content-digest"]
    }

    /// Writes a file of the scene that only its owner may read, as the service wants it of secrets; answers its path.
    func secret(_ name: String, _ text: String) throws -> String {
        let path = "\(directory)/\(name)"
        try Self.write(text, to: path)
        return path
    }

    static func write(_ text: String, to path: String, permissions: Int = 0o600) throws {
        try writeFile(Array(text.utf8), path, permissions: permissions)
    }
}
