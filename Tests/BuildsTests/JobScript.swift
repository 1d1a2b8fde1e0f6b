import FoundationEssentials
import Glibc
import KubernetesClient
import RegistryTesting
import Subprocess
import SystemPackage

@testable import Builds

/// What a container of a Job would run, with its absolute directories moved into a temporary one.
///
/// Script, arguments and variables are the rendered Job's own.
struct JobScript: Sendable {
    /// What the shells of the images (BusyBox) and of Debian are called by.
    static let shells = [["/bin/sh"], ["busybox", "sh"]]

    /// Has `tmp`, `workspace`, `result`, `git-credentials` and `termination-log`.
    let directory: TemporaryDirectory
    var command: [String]
    var environment: [String: String]
    /// Whether it runs as the user that the clone has in the cluster, as far as that can be had.
    private let isUnprivileged: Bool

    /// Takes the container's script out of the Job of a plan.
    /// - Parameter shell: Runs the script in place of `/bin/sh`.
    init(_ container: String, of plan: BuildPlan, shell: [String] = shells[0]) throws {
        let directory = try TemporaryDirectory()
        let pod = try JobTemplate().render(plan, namespace: "builds", reservation: "r")["spec"]?["template"]?["spec"]
        let containers = (pod?["initContainers"]?.array ?? []) + (pod?["containers"]?.array ?? [])
        guard let found = containers.first(where: { $0["name"]?.string == container }),
            let command = found["command"]?.array?.compactMap(\.string), command.first == "/bin/sh"
        else { throw TestingError("there is no script in \(container)") }
        let arguments = found["args"]?.array?.compactMap(\.string) ?? []

        var environment: [String: String] = [:]
        let given = [
            JobKeys.Variable.gitURL, JobKeys.Variable.gitRef, JobKeys.Variable.gitSubdirectory, JobKeys.Variable.image,
        ]
        for variable in found["env"]?.array ?? [] {
            guard let name = variable["name"]?.string, let value = variable["value"]?.string else { continue }
            environment[name] = given.contains(name) ? value : Self.moved(value, into: directory)
        }
        self.directory = directory
        self.command =
            shell
            + (command.dropFirst() + arguments).map { word in
                // Kubernetes does this.
                environment.reduce(Self.moved(word, into: directory)) {
                    $0.replacing("$(\($1.key))", with: $1.value)
                }
            }
        self.environment = environment.merging(["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
        { $1 }
        isUnprivileged = container == JobKeys.Container.clone

        chmod(directory.path, 0o755)
        for name in ["tmp", "workspace", "result"] {
            // Like an emptyDir: whoever owns it, everybody may write.
            mkdir(directory.path(name), 0o777)
            chmod(directory.path(name), 0o777)
        }
        mkdir(directory.path("git-credentials"), 0o755)
        try directory.write("", to: "termination-log", permissions: 0o666)
    }

    private static func moved(_ text: String, into directory: TemporaryDirectory) -> String {
        let places = #/(^|[\s=:"'])(/(?:tmp|workspace|result|git-credentials|dev/termination-log)\b)/#
        return text.replacing(places) { match in
            match.1 + directory.path + (match.2 == "/dev/termination-log" ? "/termination-log" : match.2)
        }
    }

    /// Puts a key into the Secret git-credentials, as the kubelet does: owned by root, for everybody to read.
    func putSecret(_ key: String, _ value: String) throws {
        // A user of their own may not read more than they own, and then ssh wants nobody else to.
        try directory.write(value, to: "git-credentials/\(key)", permissions: getuid() == 0 ? 0o644 : 0o400)
    }

    /// How it ended.
    struct Ending: Sendable {
        /// As a shell counts it: 128 and more for signals.
        var status: Int32
        /// Both outputs, as in the container's log.
        var log: String
        /// How long it went on after `meanwhile` was over.
        var remainder: Duration
    }

    /// Runs the script to its end.
    /// - Parameter meanwhile: Runs beside it, with its process id.
    func run(meanwhile: @Sendable (pid_t) async throws -> Void = { _ in }) async throws -> Ending {
        let log = try FileDescriptor.open(
            FilePath(directory.path("log")), .writeOnly, options: [.create, .append, .closeOnExec],
            permissions: .ownerReadWrite)
        defer { try? log.close() }
        let nobody = [
            "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all",
        ]
        let words = (isUnprivileged && getuid() == 0 ? nobody + ["--no-new-privs", "--"] : []) + command
        let result = try await Subprocess.run(
            .name("env"), arguments: Arguments(["--"] + words),
            environment: .custom(
                Dictionary(
                    uniqueKeysWithValues: environment.map { (Environment.Key(stringLiteral: $0.key), $0.value) })),
            input: .none, output: .fileDescriptor(log, closeAfterSpawningProcess: false),
            error: .fileDescriptor(log, closeAfterSpawningProcess: false)
        ) { execution in
            try await meanwhile(execution.processIdentifier.value)
            return ContinuousClock.now
        }
        let remainder = ContinuousClock.now - result.closureResult
        let status: Int32 =
            switch result.terminationStatus {
            case .exited(let code): code
            case .signaled(let signal): 128 + signal
            }
        return Ending(status: status, log: try directory.read("log"), remainder: remainder)
    }

    /// Waits until something is so, which another process brings about.
    static func eventually(within limit: Duration = .seconds(120), _ isSo: () throws -> Bool) async throws {
        let start = ContinuousClock.now
        while try !isSo() {
            guard ContinuousClock.now - start < limit else { throw TestingError("still not so after \(limit)") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }
}
