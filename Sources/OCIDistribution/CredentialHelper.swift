internal import FoundationEssentials
internal import HTTPTransport
internal import Subprocess
internal import SystemPackage

/// A program `docker-credential-<name>` that keeps secrets somewhere else.
///
/// It gets the server's address on standard input, no shell is involved, and its time and its output are bounded.
struct CredentialHelper: Sendable {
    /// What follows `docker-credential-`.
    var name: String
    /// The environment it runs in; `PATH` says where it is looked for.
    var environment: [String: String]
    /// How long it may take.
    var deadline: Duration

    struct Failure: Error {
        var reason: String
    }

    private static let longestOutput = 64 * 1024
    /// What every pipe takes at once.
    private static let longestServer = 4096

    private struct Answer: Decodable {
        var username: String
        var secret: String

        enum CodingKeys: String, CodingKey {
            case username = "Username"
            case secret = "Secret"
        }
    }

    /// What the helper has for a server; `nil` when it says that it has nothing.
    /// - Throws: ``Failure`` without secrets, or `CancellationError`.
    func credential(for server: String) async throws -> Credential? {
        let program = "docker-credential-\(name)"
        guard server.utf8.count <= Self.longestServer else {
            throw Failure(reason: "the address for \(program) is too long")
        }
        let (status, output, complaint) = try await run(program, server)
        // A helper that was ended because nobody waits for it any more has not failed.
        try Task.checkCancellation()
        guard status.isSuccess else {
            // Helpers print their errors on standard output.
            let said = String(decoding: output, as: UTF8.self) + complaint
            if said.lowercased().contains("credentials not found") { return nil }
            throw Failure(reason: "\(program) ended with \(status): \(redacted(complaint, limit: 200))")
        }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: Data(output)) else {
            throw Failure(reason: "\(program) did not print {\"Username\", \"Secret\"}")
        }
        let isToken = answer.username == "<token>"
        let fields = AuthFields(
            username: isToken ? nil : answer.username, password: isToken ? nil : answer.secret,
            identitytoken: isToken ? answer.secret : nil)
        do throws(AuthFields.Unusable) {
            return try fields.credential(source: "\(program) for \(server)")
        } catch {
            throw Failure(reason: "\(program) printed something unusable: \(error.reason)")
        }
    }

    private func run(_ program: String, _ server: String) async throws -> (TerminationStatus, [UInt8], String) {
        var options = PlatformOptions()
        // A session of its own, so that what the helper started ends with it.
        options.createSession = true
        options.teardownSequence = [
            .send(signal: .terminate, toProcessGroup: true, allowedDurationToNextStep: .milliseconds(100))
        ]
        let configuration = Configuration(
            executable: .name(program), arguments: ["get"], environment: .custom(environment.asSubprocessEnvironment),
            platformOptions: options)
        do {
            // Processes take real time, so this is not measured by the injected clock.
            return try await withDeadline(deadline, clock: ContinuousClock()) {
                let input = try Self.pipe(holding: server)
                defer { try? input.close() }
                let result = try await Subprocess.run(
                    configuration, input: .fileDescriptor(input, closeAfterSpawningProcess: false),
                    output: .bytes(limit: Self.longestOutput), error: .string(limit: Self.longestOutput))
                return (result.terminationStatus, result.standardOutput, result.standardError)
            }
        } catch is DeadlineExceeded {
            throw Failure(reason: "\(program) did not end within \(deadline)")
        } catch let error as Errno {
            throw Failure(reason: "\(program) cannot be given its input: \(error)")
        } catch let error as SubprocessError {
            try Task.checkCancellation()
            throw Failure(reason: "\(program) cannot be used: \(redacted(error.description, limit: 200))")
        }
    }

    /// The end to read from of a pipe that holds a short text.
    ///
    /// Written before the helper runs, and while the other end is open, so that a helper that does not read cannot kill
    /// this process with SIGPIPE.
    private static func pipe(holding text: String) throws -> FileDescriptor {
        let (readEnd, writeEnd) = try FileDescriptor.pipe(options: .closeOnExec)
        defer { try? writeEnd.close() }
        do {
            // A host name is far shorter than what a pipe takes without a reader.
            try writeEnd.writeAll(text.utf8)
            return readEnd
        } catch {
            try? readEnd.close()
            throw error
        }
    }
}

extension [String: String] {
    fileprivate var asSubprocessEnvironment: [Environment.Key: String] {
        reduce(into: [:]) { result, item in
            if let key = Environment.Key(rawValue: item.key) { result[key] = item.value }
        }
    }
}
