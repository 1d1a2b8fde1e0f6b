import FoundationEssentials
import Glibc
import RegistryTesting

/// An OpenSSH server for one repository and one key.
final class SSHServer: Sendable {
    let port: Int
    /// The repository, as the user who runs the tests.
    let url: String
    /// Lets in.
    let clientKey: String
    /// The server's own key, under the name by which it is reached.
    let knownHosts: String
    private let directory: TemporaryDirectory
    private let process: ServerProcess

    /// What the server tells about its connections.
    var log: String { process.errorOutput }

    private init(
        port: Int, url: String, clientKey: String, knownHosts: String, directory: TemporaryDirectory,
        process: ServerProcess
    ) {
        self.port = port
        self.url = url
        self.clientKey = clientKey
        self.knownHosts = knownHosts
        self.directory = directory
        self.process = process
    }

    deinit { process.close() }

    static func start(_ repository: HardRepository) async throws -> SSHServer {
        // Debian's package leaves it to the service's start to make what a server of root's insists on.
        if getuid() == 0 { mkdir("/run/sshd", 0o755) }
        let directory = try TemporaryDirectory()
        for name in ["host", "client"] {
            try await command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", directory.path(name)])
        }
        try directory.write(try directory.read("client.pub"), to: "authorized_keys")
        let port = try LoopbackPort.free()
        let settings = try directory.write(
            """
            ListenAddress 127.0.0.1:\(port)
            HostKey \(directory.path("host"))
            AuthorizedKeysFile \(directory.path("authorized_keys"))
            AuthenticationMethods publickey
            PermitRootLogin prohibit-password
            AcceptEnv GIT_PROTOCOL
            StrictModes no
            UsePAM no
            PidFile none
            LogLevel VERBOSE

            """, to: "sshd_config")
        let process = try ServerProcess(["/usr/sbin/sshd", "-D", "-e", "-f", settings], name: "sshd", in: directory)
        try await JobScript.eventually { process.errorOutput.contains("Server listening on ") }
        let user = try await command(["id", "-un"]).filter { $0 != "\n" }
        return SSHServer(
            port: port, url: "ssh://\(user)@127.0.0.1:\(port)\(repository.path)",
            clientKey: try directory.read("client"),
            knownHosts: "[127.0.0.1]:\(port) \(try directory.read("host.pub"))", directory: directory, process: process)
    }
}
