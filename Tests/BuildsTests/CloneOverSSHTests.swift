import FoundationEssentials
import RegistryTesting
import Testing

@testable import Builds

/// The real script, with the real git and the real ssh, to the real sshd.
@Suite("The script of git-clone over ssh", .timeLimit(.minutes(2)))
struct CloneOverSSHTests {
    /// What of the Secret there is.
    struct Secret: Sendable {
        var key: String?
        var knownHosts: String?
    }

    private func clone(
        _ server: SSHServer, _ secret: Secret, ref: String? = nil, shell: [String] = JobScript.shells[0]
    ) async throws -> (script: JobScript, ending: JobScript.Ending) {
        var plan = try kubernetesPlan()
        plan.git.url = server.url
        plan.git.ref = ref ?? "HEAD"
        let script = try JobScript(JobKeys.Container.clone, of: plan, shell: shell)
        if let key = secret.key { try script.putSecret("ssh-privatekey", key) }
        if let knownHosts = secret.knownHosts { try script.putSecret("known_hosts", knownHosts) }
        return (script, try await script.run())
    }

    @Test("a key opens the repository of a known host, at any commit", arguments: JobScript.shells)
    func key(shell: [String]) async throws {
        let repository = try await HardRepository()
        let server = try await SSHServer.start(repository)
        for (reference, text) in [(nil, "second\n"), (repository.first, "first\n"), ("feature/x", "feature\n")] {
            let (script, ending) = try await clone(
                server, Secret(key: server.clientKey, knownHosts: server.knownHosts), ref: reference, shell: shell)
            #expect(ending.status == 0, "\(ending.log) \(server.log)")
            #expect(try script.directory.read("workspace/index.html") == text)
            #expect(!ending.log.contains("Warning"), "\(ending.log)")
        }
    }

    @Test("a host that is not the known one gets no login")
    func otherHost() async throws {
        let repository = try await HardRepository()
        let server = try await SSHServer.start(repository)
        let other = try await SSHServer.start(repository)
        let swapped = other.knownHosts.replacing(":\(other.port)", with: ":\(server.port)")
        for knownHosts in [swapped, other.knownHosts, "# nobody\n"] {
            let (script, ending) = try await clone(server, Secret(key: server.clientKey, knownHosts: knownHosts))
            #expect(ending.status == 128)
            #expect(ending.log.contains("Host key verification failed"), "\(ending.log)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: script.directory.path("workspace")) == [])
        }
        #expect(!server.log.contains("Accepted"))
        let (_, ending) = try await clone(server, Secret(key: server.clientKey, knownHosts: server.knownHosts))
        #expect(ending.status == 0, "the other ones were refused for what they knew: \(ending.log)")
        #expect(server.log.contains("Accepted publickey"))
    }

    @Test("a key that the server does not know is refused")
    func otherKey() async throws {
        let repository = try await HardRepository()
        let server = try await SSHServer.start(repository)
        let other = try await SSHServer.start(repository)
        let (_, ending) = try await clone(server, Secret(key: other.clientKey, knownHosts: server.knownHosts))
        #expect(ending.status == 128)
        #expect(ending.log.contains("Permission denied"), "\(ending.log)")
    }

    @Test("without key or known hosts it says so, and asks nobody")
    func incomplete() async throws {
        let repository = try await HardRepository()
        let server = try await SSHServer.start(repository)
        for (secret, missing) in [
            (Secret(key: server.clientKey), "known_hosts"),
            (Secret(key: server.clientKey, knownHosts: ""), "known_hosts"),
            (Secret(knownHosts: server.knownHosts), "ssh-privatekey"), (Secret(), "ssh-privatekey"),
        ] {
            let (_, ending) = try await clone(server, secret)
            #expect(ending.status == 1)
            #expect(
                ending.log
                    == "the Secret git-credentials has no key \(missing), without which nothing is cloned over ssh\n")
        }
        #expect(!server.log.contains("Connection from"))
    }
}
