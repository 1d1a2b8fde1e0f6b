import FoundationEssentials
import Glibc
import RegistryTesting
import Testing

@testable import Builds

/// The real script, with the real git.
@Suite("The script of git-clone", .timeLimit(.minutes(2)))
struct CloneScriptTests {
    private func script(
        _ url: String, ref: String? = nil, subdirectory: String = "apps/app-example",
        shell: [String] = JobScript.shells[0]
    ) throws -> JobScript {
        var plan = try kubernetesPlan(subdirectory: subdirectory)
        plan.git.url = url
        plan.git.ref = ref ?? "HEAD"
        return try JobScript(JobKeys.Container.clone, of: plan, shell: shell)
    }

    private func files(_ script: JobScript) throws -> Set<String> {
        Set(try FileManager.default.subpathsOfDirectory(atPath: script.directory.path("workspace")))
    }

    // MARK: What is cloned

    @Test("it writes exactly one directory of one commit, with dotfiles and links", arguments: JobScript.shells)
    func subdirectory(shell: [String]) async throws {
        let repository = try await HardRepository()
        let server = try await GitServer.start(repositories: repository.directory)
        let url = "\(server.root)/open/webapps.git"
        let script = try script(url, shell: shell)
        let ending = try await script.run()
        #expect(ending.status == 0, "\(ending.log)")
        #expect(
            ending.log == """
                cloning \(url) at HEAD
                fetched commit \(repository.second)
                workspace ready

                """)
        #expect(
            try files(script) == [
                ".dockerignore", ".well-known", ".well-known/security.txt", "Dockerfile", "index.html", "link",
            ])
        #expect(try script.directory.read("workspace/index.html") == "second\n")
        #expect(try script.directory.read("result/commit") == repository.second)
        #expect(try script.directory.read("termination-log") == repository.second)
        let mode = try FileManager.default.attributesOfItem(atPath: script.directory.path("workspace/index.html"))
        #expect(mode[.posixPermissions] as? Int == 0o644, "BuildKit may run as somebody else")
    }

    @Test("the empty directory is the whole repository, without git's own files")
    func wholeRepository() async throws {
        let repository = try await HardRepository()
        let server = try await GitServer.start(repositories: repository.directory)
        let script = try script("\(server.root)/open/webapps.git", subdirectory: "")
        #expect(try await script.run().status == 0)
        let files = try files(script)
        #expect(files.isSuperset(of: ["README", "apps/app-example/.dockerignore", "apps/evil"]))
        #expect(!files.contains { $0.hasPrefix(".git") })
    }

    @Test("a commit, however old and on whatever branch, a branch and a tag can be built")
    func references() async throws {
        let repository = try await HardRepository()
        let server = try await GitServer.start(repositories: repository.directory)
        for (reference, commit, text) in [
            (repository.second, repository.second, "second\n"), (repository.first, repository.first, "first\n"),
            (repository.feature, repository.feature, "feature\n"), ("main", repository.second, "second\n"),
            ("feature/x", repository.feature, "feature\n"),
            ("refs/heads/feature/x", repository.feature, "feature\n"), ("v0.1.0", repository.first, "first\n"),
            ("refs/tags/v0.1.0", repository.first, "first\n"),
        ] {
            let script = try script("\(server.root)/open/webapps.git", ref: reference)
            let ending = try await script.run()
            #expect(ending.status == 0, "\(reference): \(ending.log)")
            #expect(try script.directory.read("result/commit") == commit)
            #expect(try script.directory.read("workspace/index.html") == text)
        }
    }

    // MARK: What is refused

    @Test(
        "what does not exist, leaves the repository or is no Git server's ends with git's own words, and nothing is written"
    )
    func refusals() async throws {
        let repository = try await HardRepository()
        let server = try await GitServer.start(repositories: repository.directory)
        let url = "\(server.root)/open/webapps.git"
        for (url, reference, subdirectory, says) in [
            (url, "refs/heads/nosuch", "", "couldn't find remote ref refs/heads/nosuch"),
            (url, String(repeating: "0123", count: 10), "", "not our ref"),
            (url, String(repository.first.prefix(10)), "", "couldn't find remote ref"),
            (url, "--upload-pack=touch /tmp/x", "", "invalid refspec"),
            (url, "HEAD", "apps/none", "Not a valid object name FETCH_HEAD:apps/none"),
            (url, "HEAD", "README", "failed to unpack tree object"),
            (url, "HEAD", "apps/evil", "failed to unpack tree object FETCH_HEAD:apps/evil"),
            (url, "HEAD", "../..", "relative path syntax"),
            (url, "HEAD", "apps/../..", "Not a valid object name"),
            ("\(server.root)/open/none.git", "HEAD", "", "not found"),
            ("file://\(repository.path)", "HEAD", "", "transport 'file' not allowed"),
            ("ext::sh -c true", "HEAD", "", "transport 'ext' not allowed"),
            ("--upload-pack=true", "HEAD", "", "strange pathname"),
        ] {
            let script = try script(url, ref: reference, subdirectory: subdirectory)
            let ending = try await script.run()
            #expect(ending.status == 128, "\(url) \(reference) \(subdirectory): \(ending.log)")
            #expect(ending.log.contains(says), "\(ending.log)")
            #expect(try files(script) == [])
            #expect(!FileManager.default.fileExists(atPath: script.directory.path("result/commit")))
            #expect(try script.directory.read("termination-log") == "")
        }
    }

    // MARK: Logins

    /// A server with a certificate of its own authority, and a login.
    private func privateServer(_ repository: HardRepository) async throws -> (GitServer, TestAuthority) {
        let authority = try await TestAuthority()
        return (try await GitServer.start(repositories: repository.directory, tls: authority), authority)
    }

    private func secret(_ script: JobScript, _ authority: TestAuthority, logins: String? = nil) throws {
        try script.putSecret("ca.crt", String(decoding: authority.certificate, as: UTF8.self))
        if let logins { try script.putSecret("git-credentials", logins) }
    }

    /// Everything that the clone left behind.
    private func remains(_ script: JobScript) throws -> String {
        try FileManager.default.subpathsOfDirectory(atPath: script.directory.path)
            .filter { !$0.hasPrefix("git-credentials") }
            .map { name in (try? script.directory.read(name)) ?? "" }.joined()
    }

    @Test("a login in the Secret is used for its host, read only, and shows up nowhere", arguments: JobScript.shells)
    func login(shell: [String]) async throws {
        let repository = try await HardRepository()
        let (server, authority) = try await privateServer(repository)
        let script = try script("\(server.root)/private/webapps.git", ref: repository.first, shell: shell)
        let logins = "https://somebody:else@git.example\nhttps://robot:s3cret@\(server.authority)\n"
        try secret(script, authority, logins: logins)
        let ending = try await script.run()
        #expect(ending.status == 0, "\(ending.log)")
        #expect(!ending.log.contains("unable to"), "git tried to write to the Secret: \(ending.log)")
        #expect(try script.directory.read("workspace/index.html") == "first\n")
        #expect(!(try remains(script).contains("s3cret")))
        #expect(try script.directory.read("git-credentials/git-credentials") == logins)
        let names = try FileManager.default.contentsOfDirectory(atPath: script.directory.path("git-credentials"))
        #expect(Set(names) == ["ca.crt", "git-credentials"])
    }

    @Test("without a login for that very host nothing is sent, and git says what it lacks")
    func otherLogins() async throws {
        let (server, authority) = try await privateServer(HardRepository())
        let port = server.authority.split(separator: ":")[1]
        for logins in [
            nil, "", "https://robot:s3cret@git.example\n", "https://robot:s3cret@127.0.0.1\n",
            "https://robot:s3cret@127.0.0.1:1\n", "https://robot:s3cret@localhost:\(port)\n",
            "http://robot:s3cret@\(server.authority)\n",
        ] {
            let script = try script("\(server.root)/private/webapps.git")
            try secret(script, authority, logins: logins)
            let ending = try await script.run()
            #expect(ending.status == 128)
            #expect(ending.log.contains("could not read Username for '\(server.root)'"), "\(ending.log)")
        }
        #expect(try server.requests().allSatisfy { $0.authorization == nil })
    }

    @Test("a login that the server does not take is refused and stays in the Secret")
    func wrongLogin() async throws {
        let (server, authority) = try await privateServer(HardRepository())
        let script = try script("\(server.root)/private/webapps.git")
        let logins = "https://robot:wr0ng@\(server.authority)\n"
        try secret(script, authority, logins: logins)
        let ending = try await script.run()
        #expect(ending.status == 128)
        #expect(ending.log.contains("Authentication failed"), "\(ending.log)")
        #expect(!ending.log.contains("unable to"), "git tried to erase it from the Secret: \(ending.log)")
        #expect(!(try remains(script).contains("wr0ng")))
        #expect(try script.directory.read("git-credentials/git-credentials") == logins)
    }

    @Test("a login for https is not sent over http")
    func plainHTTP() async throws {
        let repository = try await HardRepository()
        let server = try await GitServer.start(repositories: repository.directory)
        let script = try script("\(server.root)/private/webapps.git")
        try script.putSecret("git-credentials", "https://robot:s3cret@\(server.authority)\n")
        let ending = try await script.run()
        #expect(ending.log.contains("could not read Username"), "\(ending.log)")
        #expect(try server.requests().allSatisfy { $0.authorization == nil })
    }

    @Test(
        "a redirect takes no login to another host",
        arguments: [
            ("redirect", "open"), ("redirect", "private"), ("private-redirect", "open"),
            ("private-redirect", "private"),
        ])
    func redirect(from: String, to: String) async throws {
        // Plain HTTP, where nothing but the host keeps a login from going along.
        let repository = try await HardRepository()
        let target = try await GitServer.start(repositories: repository.directory)
        let port = target.authority.split(separator: ":")[1]
        let server = try await GitServer.start(
            repositories: repository.directory, redirect: "http://localhost:\(port)/\(to)/")
        let script = try script("\(server.root)/\(from)/webapps.git")
        try script.putSecret("git-credentials", "http://robot:s3cret@\(server.authority)\n")
        let ending = try await script.run()
        let seen = try target.requests()
        #expect(!seen.isEmpty, "\(ending.log)")
        #expect(seen.allSatisfy { $0.authorization == nil })
        if from == "redirect" { #expect((ending.status == 0) == (to == "open"), "\(ending.log)") }
        if from == "private-redirect" { #expect(try server.requests().contains { $0.authorization != nil }) }
    }

    @Test(
        "a server of an unknown authority is refused, and an authority of one's own is trusted beside the public ones")
    func authority() async throws {
        let (server, authority) = try await privateServer(HardRepository())
        let refused = try script("\(server.root)/open/webapps.git")
        let ending = try await refused.run()
        #expect(ending.status == 128)
        #expect(ending.log.contains("certificate"), "\(ending.log)")
        #expect(try server.requests().isEmpty)

        let accepted = try script("\(server.root)/open/webapps.git")
        try secret(accepted, authority)
        let success = try await accepted.run()
        #expect(success.status == 0, "\(success.log)")
        let trusted = try accepted.directory.read("tmp/ca.crt")
        #expect(trusted.matches(of: #/BEGIN CERTIFICATE/#).count > 50)
    }

    @Test("a login that somebody wrote into the URL all the same is not in the log")
    func loginInURL() async throws {
        let repository = try await HardRepository()
        let server = try await GitServer.start(repositories: repository.directory)
        for (user, status) in [("robot:s3cret", Int32(0)), ("robot:wr0ng", 128)] {
            let script = try script("http://\(user)@\(server.authority)/private/webapps.git")
            let ending = try await script.run()
            #expect(ending.status == status, "\(ending.log)")
            #expect(ending.log.hasPrefix("cloning http://\(server.authority)/private/webapps.git at HEAD\n"))
            #expect(!ending.log.contains("s3cret") && !ending.log.contains("wr0ng"), "\(ending.log)")
        }
    }

    // MARK: Cancelling

    @Test("SIGTERM ends it at once, and no token is among the arguments of what runs", arguments: JobScript.shells)
    func cancelled(shell: [String]) async throws {
        // A password of its own: the tests beside this one have others among arguments.
        let password = UUID().uuidString
        let authority = try await TestAuthority()
        let server = try await GitServer.start(
            repositories: HardRepository().directory, login: "robot:\(password)", tls: authority)
        let script = try script("\(server.root)/private-slow/webapps.git", shell: shell)
        try secret(script, authority, logins: "https://robot:\(password)@\(server.authority)\n")
        let ending = try await script.run { pid in
            try await JobScript.eventually { try server.requests().contains { $0.authorization != nil } }
            let lines = try Self.commandLines()
            #expect(lines.contains { $0.contains("git-remote-http") && $0.contains(server.authority) })
            #expect(!lines.contains { $0.contains(password) && !$0.contains("server.py") })
            kill(pid, SIGTERM)
        }
        #expect(ending.status == 143)
        #expect(ending.remainder < .seconds(50))
        #expect(ending.log.hasSuffix("\nclone cancelled\n"), "\(ending.log)")
    }

    /// The arguments of every process of this machine.
    private static func commandLines() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { Int($0) != nil }.compactMap { pid in
            (try? Data(contentsOf: URL(filePath: "/proc/\(pid)/cmdline"))).map { String(decoding: $0, as: UTF8.self) }
        }
    }
}
