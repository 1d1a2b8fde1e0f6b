import Glibc
import Synchronization

@testable import CurlTransport

/// Authorities and certificates made by `openssl` for these tests, once per run.
struct Certificates: Sendable {
    static let shared = Task { try await blocking { try Certificates() } }

    /// Holds `NAME.pem` and `NAME.key`.
    let folder: String

    private static let made = Mutex<Certificates?>(nil)

    private init() throws {
        var template = Array("/tmp/transport-tests-XXXXXX".utf8CString)
        guard let path = mkdtemp(&template) else { throw SocketError(call: "mkdtemp", code: errno) }
        folder = String(cString: path)
        for name in ["ours", "theirs"] {
            try openssl(
                "req", "-x509", "-days", "2", "-subj", "/CN=\(name)", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:P-256", "-nodes", "-keyout", "\(name).key", "-out", "\(name).pem")
        }
        try issue("server", for: "IP:127.0.0.1")
        try issue("expired", for: "IP:127.0.0.1", days: -1)
        try issue("elsewhere", for: "DNS:elsewhere.example")
        try issue("client", for: "DNS:client.example")
        try ChildProcess.run("mkdir", "\(folder)/hashed")
        try ChildProcess.run("cp", "\(folder)/ours.pem", "\(folder)/hashed/ours.pem")
        try ChildProcess.run("openssl", "rehash", "\(folder)/hashed")
        Certificates.made.withLock { $0 = self }
        atexit { Certificates.made.withLock { $0 }?.remove() }
    }

    func bytes(_ name: String) throws -> [UInt8] {
        guard let bytes = readFile("\(folder)/\(name)") else { throw SocketError(call: "read \(name)", code: errno) }
        return bytes
    }

    private func issue(_ name: String, for alternativeName: String, days: Int = 2) throws {
        try openssl(
            "req", "-subj", "/CN=\(name)", "-addext", "subjectAltName=\(alternativeName)", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-keyout", "\(name).key", "-out", "\(name).csr")
        try openssl(
            "x509", "-req", "-in", "\(name).csr", "-copy_extensions", "copy", "-CA", "ours.pem", "-CAkey", "ours.key",
            "-CAcreateserial", "-days", "\(days)", "-out", "\(name).pem")
    }

    private func openssl(_ arguments: String...) throws {
        let inFolder = arguments.map { argument in
            [".pem", ".key", ".csr"].contains { argument.hasSuffix($0) } ? "\(folder)/\(argument)" : argument
        }
        try ChildProcess(["openssl"] + inFolder).finish()
    }

    private func remove() { try? ChildProcess.run("rm", "-rf", folder) }
}

/// `openssl s_server`, which answers every request with a page about the session.
final class TLSServer: Sendable {
    private let process: ChildProcess
    let port: Int

    static func start(_ certificate: String, arguments: [String] = []) async throws -> TLSServer {
        let folder = try await Certificates.shared.value.folder
        return try await blocking { try TLSServer(certificate, in: folder, arguments) }
    }

    private init(_ certificate: String, in folder: String, _ arguments: [String]) throws {
        process = try ChildProcess(
            [
                "openssl", "s_server", "-accept", "127.0.0.1:0", "-www", "-cert", "\(folder)/\(certificate).pem",
                "-key",
                "\(folder)/\(certificate).key",
            ] + arguments.map { $0.hasSuffix(".pem") ? "\(folder)/\($0)" : $0 })
        let text = try process.line(after: "ACCEPT 127.0.0.1:")
        guard let port = Int(text) else { throw ChildProcess.Failure(description: "no port: \(text)") }
        self.port = port
    }
}
