import FoundationEssentials
import RegistryTesting
import Subprocess
import Testing

extension EndToEnd {
    @Suite("Commands that ask a running service")
    struct RemoteCommandTests {
        private static let reader = "reader-token-0123456789"
        private static let builder = "builder-token-0123456789"

        /// A service that wants tokens, and the settings of somebody who has nothing but its address and one of them.
        private static func withService(
            _ changes: [String: String] = [:],
            _ body: (Scene, ServiceProcess, _ settings: [String: String]) async throws -> Void
        ) async throws {
            try await Scene.play { scene in
                let file = "\(scene.directory)/tokens"
                try Scene.write("reader:read:\(reader)\nlaptop:read,build:\(builder)\n", to: file)
                let service = try await scene.service(["API_TOKENS_FILE": file].merging(changes) { $1 })
                let settings = [
                    "REGISTRY_QUERY_URL": service.url, "REGISTRY_QUERY_TOKEN": builder,
                    // Set and of no use: nothing but the service is asked.
                    "REGISTRY": "127.0.0.1:1", "REGISTRY_CA_FILE": "/nowhere", "BUILDER": "kubernetes",
                ]
                try await body(scene, service, settings)
                for token in [reader, builder] { #expect(!service.log.contains(token)) }
            }
        }

        @Test("every command says the same as without a service, to people and to programs")
        func sameAnswers() async throws {
            try await Self.withService { scene, _, settings in
                func expectSame(_ arguments: [String], input: String = "", status: Int32 = 0) async throws {
                    for format in ["text", "json"] {
                        let arguments = arguments + ["--output", format]
                        async let runDirectly = Scene.run(arguments, input: input, settings: scene.settings)
                        let remote = try await Scene.run(arguments, input: input, settings: settings)
                        let direct = try await runDirectly
                        #expect(remote.status == status, "\(arguments): \(remote)")
                        #expect(remote.status == direct.status, "\(arguments): \(direct)")
                        #expect(Self.ageless(remote.output) == Self.ageless(direct.output), "\(arguments)")
                        #expect(remote.errors == direct.errors, "\(arguments)")
                        #expect(!(remote.output + remote.errors).contains(Self.builder))
                    }
                }
                try await expectSame(["tags", "app-example"], status: 1)
                try await expectSame(["next", "app-example"])
                try await expectSame(["builds"])

                let built = try await Scene.run(
                    ["build", "app-example", "--wait", "--idempotency-key", "k"], settings: settings)
                #expect(built.status == 0, "\(built)")
                #expect(built.output.contains("succeeded"))
                let progress = built.errors.split(separator: "\n")
                #expect(progress.count > 1 && progress.last?.hasPrefix("succeeded: ") == true, "\(built.errors)")
                let id = "build-app-example-v1-0-0"

                try await expectSame(["build", "app-example", "--idempotency-key", "k"])
                try await expectSame(["build", "app-example", "--version", "v1.0.0"], status: 1)
                try await expectSame(["build", "app-example", "--commits-from", "-"], input: "chore: tidy\0")
                try await expectSame(["tags", "app-example"])
                try await expectSame(["tags", "app-example", "--range", "^1", "--limit", "1", "--prereleases"])
                try await expectSame(["tags", "app-example", "v1.0.0"])
                try await expectSame(["tags", "app-example", "v9.9.9"], status: 1)
                try await expectSame(["next", "app-example", "--bump", "prerelease", "--prerelease-id", "beta"])
                try await expectSame(["next", "app-example", "--bump", "minor", "--range", ">=1.0.0 <2"])
                try await expectSame(["next", "app-example", "--bump", "major", "--range", "1.x"], status: 1)
                try await expectSame(
                    ["next", "app-example", "--commits-from", "-"], input: "fix: \u{e4}\0feat!: \"b\"\n\0")
                try await expectSame(["next", "app-example", "--commits-from", "-"], input: "chore: tidy\0")
                try await expectSame(["next", "Bad_Name"], status: 64)
                try await expectSame(["builds"])
                try await expectSame(["builds", "app-example", "--status", "succeeded"])
                try await expectSame(["builds", "--status", "failed"])
                try await expectSame(["logs", id])
                try await expectSame(["logs", id, "--follow"])
                try await expectSame(["logs", "build-none-v1-0-0"], status: 1)
                try await expectSame(["cancel", id], status: 1)
                try await expectSame(["cancel", "build-none-v1-0-0"], status: 1)
                try await expectSame(["retry", "build-none-v1-0-0"], status: 1)
                let retried = try await Scene.run(
                    ["retry", id, "--wait", "--idempotency-key", "r"], settings: settings)
                #expect(retried.status == 0 && retried.output.contains("build-app-example-v1-0-1"), "\(retried)")
                try await expectSame(["retry", id, "--idempotency-key", "r"])
            }
        }

        @Test("a build is followed to its end, also when the service is killed and another takes its place")
        func following() async throws {
            try await Self.withService { scene, service, settings in
                let server = try await PlayServer(holding: true)
                defer { server.close() }
                try await scene.repository.commit([
                    "app-slow/Dockerfile": "FROM scratch\nADD \(server.url)/slow /slow\n"
                ])
                let log = "build-app-slow-v1-0-0"
                async let build = Scene.run(["build", "app-slow", "--wait", "--output", "json"], settings: settings)
                try await eventually("the build is under way") { server.requestCount > 0 }
                async let output = Scene.run(["logs", log, "--follow"], settings: settings)
                try await eventually("both commands run") { try await Self.processes(with: "app-slow") == 2 }
                #expect(try await Self.processes(with: Self.builder) == 0, "everybody can see arguments")

                service.kill()
                let address = String(service.url.dropFirst("http://".count))
                #expect(try await output.status == 1, "a part of a log is not taken for the whole")
                let second = try await scene.service(
                    ["API_TOKENS_FILE": "\(scene.directory)/tokens", "LISTEN": address], name: "second")
                try server.release()
                let ended = try await build
                #expect(ended.status == 0, "\(ended)")
                #expect(try JSON(parsing: ended.output)["status"] == "succeeded")
                #expect(try JSON(parsing: ended.output)["requestedBy"] == "laptop")
                // Which of its states were told before the service died is chance.
                #expect(["cloning: ", "building: "].contains(where: ended.errors.contains), "\(ended.errors)")
                #expect(!(second.log + ended.errors).contains(Self.builder))
            }
        }

        @Test("a build that fails, and one that is cancelled, end with 1")
        func failures() async throws {
            try await Self.withService { scene, _, settings in
                let server = try await PlayServer(holding: true)
                defer { server.close() }
                try await scene.repository.commit([
                    "app-broken/Dockerfile": "FROM scratch\nCOPY missing /x\n",
                    "app-slow/Dockerfile": "FROM scratch\nADD \(server.url)/slow /slow\n",
                ])
                let broken = try await Scene.run(["build", "app-broken", "--wait"], settings: settings)
                #expect(broken.status == 1 && broken.output.contains("missing"), "\(broken)")
                // A shell tells how it ended.
                let directory = try TemporaryDirectory()
                let script = #"setpriv --pdeathsig KILL -- "$@"; echo "ended with $?""#
                let environment = Program.environment(settings).map { "\($0.key)=\($0.value)" }
                let command = [try Program.path, "build", "app-slow", "--wait"]
                let slow = try ServerProcess(
                    ["env", "-i"] + environment + ["/bin/sh", "-c", script, "sh"] + command, name: "slow",
                    in: directory)
                defer { slow.close() }
                try await eventually("the build is under way") { server.requestCount > 0 }
                // Not asked of the service, which knows it before the command was told.
                _ = try await slow.word(after: "building: step 2 of ")
                let cancelled = try await Scene.run(["cancel", "build-app-slow-v1-0-0"], settings: settings)
                #expect(cancelled.status == 0, "\(cancelled)")
                let status = try await slow.word(after: "ended with ")
                #expect(status == "1" && slow.output.contains("cancelled"), "\(slow.output) \(slow.errorOutput)")
            }
        }

        @Test("a token that is missing, wrong or too weak is said, with the variable to set, and never shown")
        func tokens() async throws {
            try await Self.withService { scene, service, settings in
                let files = [
                    "good": "\(Self.builder)\n", "bad": "not-the-token-0123\n", "empty": "\n", "two": "a\nb\n",
                ]
                for (name, content) in files { try Scene.write(content, to: "\(scene.directory)/\(name)") }
                func run(_ arguments: [String], _ changes: [String: String?]) async throws -> Scene.Ending {
                    var settings = settings
                    for (name, value) in changes { settings[name] = value }
                    let ending = try await Scene.run(arguments, settings: settings)
                    for token in [Self.builder, Self.reader, "not-the-token-0123"] {
                        #expect(!(ending.output + ending.errors).contains(token), "\(ending)")
                    }
                    return ending
                }
                let none = try await run(["builds"], ["REGISTRY_QUERY_TOKEN": nil])
                #expect(none.status == 1 && none.errors.contains("set REGISTRY_QUERY_TOKEN to a token"), "\(none)")
                let wrong = try await run(["builds"], ["REGISTRY_QUERY_TOKEN": "not-the-token-0123"])
                #expect(wrong.status == 1 && wrong.errors.contains("came from REGISTRY_QUERY_TOKEN\n"), "\(wrong)")
                let weak = try await run(["build", "app-example"], ["REGISTRY_QUERY_TOKEN": Self.reader])
                #expect(weak.status == 1 && weak.errors.contains("lacks the scope build"), "\(weak)")
                #expect(weak.errors.contains("REGISTRY_QUERY_TOKEN"))

                let file = ["REGISTRY_QUERY_TOKEN": nil, "REGISTRY_QUERY_TOKEN_FILE": "\(scene.directory)/good"]
                #expect(try await run(["builds"], file).status == 0)
                // The flag wins over both variables.
                #expect(try await run(["builds", "--token-file", "\(scene.directory)/good"], [:]).status == 0)
                let badFile = try await run(["builds", "--token-file", "\(scene.directory)/bad"], [:])
                #expect(badFile.status == 1 && badFile.errors.contains("\(scene.directory)/bad"), "\(badFile)")

                let both = try await run(["builds"], ["REGISTRY_QUERY_TOKEN_FILE": "\(scene.directory)/good"])
                #expect(both.status == 64 && both.errors.contains("leave one of them out"), "\(both)")
                for name in ["empty", "two", "nowhere"] {
                    let ending = try await run(["builds", "--token-file", "\(scene.directory)/\(name)"], [:])
                    #expect(ending.status == 64 && ending.errors.contains("REGISTRY_QUERY_TOKEN_FILE"), "\(ending)")
                }
                let unfit = try await run(["builds"], ["REGISTRY_QUERY_TOKEN": "\(Self.builder) \u{e4}"])
                #expect(unfit.status == 64 && unfit.errors.contains("no token"), "\(unfit)")
            }
        }

        @Test("the file with settings may name the service and the file with the token, but not hold the token")
        func settingsFile() async throws {
            try await Self.withService { scene, service, _ in
                let directory = scene.directory
                try Scene.write(Self.builder, to: "\(directory)/token")
                try Scene.write(
                    "registryQueryUrl: \(service.url)\nregistryQueryTokenFile: \(directory)/token\n",
                    to: "\(directory)/good.yaml")
                let good = try await Scene.run(
                    ["next", "app-example", "--config", "\(directory)/good.yaml"], settings: [:])
                #expect(good.status == 0 && good.output == "v1.0.0\n", "\(good)")
                try Scene.write(
                    "registryQueryUrl: \(service.url)\nregistryQueryToken: \(Self.builder)\n",
                    to: "\(directory)/bad.yaml")
                let bad = try await Scene.run(
                    ["next", "app-example", "--config", "\(directory)/bad.yaml"], settings: [:])
                #expect(bad.status == 64 && bad.errors.contains("registryQueryToken is no setting"), "\(bad)")
                #expect(!bad.errors.contains(Self.builder))
            }
        }

        @Test(
            "a token is not taken from an argument, whatever the flag is called, and not shown with the refusal",
            arguments: ["--token", "--token=", "--api-token", "--registry-query-token", "-token"])
        func tokenArgument(flag: String) async throws {
            for command in ["tags", "next", "build", "builds", "logs", "cancel", "serve", "healthcheck"] {
                let secret = flag.hasSuffix("=") ? [flag + Self.builder] : [flag, Self.builder]
                let ending = try await Scene.run([command, "app-example"] + secret, settings: [:])
                #expect(ending.status == 64, "\(ending)")
                #expect(ending.errors.contains("everybody on this machine can see the arguments"), "\(ending)")
                #expect(ending.errors.contains("REGISTRY_QUERY_TOKEN") && ending.errors.contains("--token-file"))
                #expect(!(ending.output + ending.errors).contains(Self.builder))
            }
        }

        @Test(
            "calls that cannot be right are refused before anything is asked",
            arguments: [
                (["serve", "--server", "http://127.0.0.1:1"], "--server"),
                (["work", "--server", "http://127.0.0.1:1"], "--server"),
                (["healthcheck", "--server", "http://127.0.0.1:1"], "--server"),
                (["builds", "--server", "ftp://127.0.0.1"], "REGISTRY_QUERY_URL=ftp://127.0.0.1"),
                (["builds", "--server", "https://user:secret@127.0.0.1"], "user info"),
                (["builds", "--server", "http://127.0.0.1:1/?a=b"], "without a query"),
                (
                    ["builds", "--server", "http://127.0.0.1:1", "--registry", "r.example"],
                    "--registry: does not count"
                ),
                (["builds", "--token-file", "/etc/hostname"], "--server names no service"),
            ])
        func wrongCalls(arguments: [String], words: String) async throws {
            let ending = try await Scene.run(arguments, settings: [:])
            #expect(ending.status == 64 && ending.errors.contains(words), "\(ending)")
            #expect(!ending.errors.contains("user:secret"))
        }

        @Test("a service that is down is an error that says where it was looked for")
        func down() async throws {
            try await Self.withService { scene, service, settings in
                service.kill()
                for arguments in [["tags", "app-example"], ["build", "app-example", "--wait"], ["logs", "b"]] {
                    let ending = try await Scene.run(arguments, settings: settings)
                    #expect(ending.status == 1 && ending.output == "", "\(ending)")
                    #expect(ending.errors.contains(service.url), "\(ending)")
                    #expect(ending.errors.contains("no connection could be made"), "\(ending)")
                }
            }
        }

        /// The text without ages, which go on between two commands, and the width that they make of their column; and without
        /// the usual duration, which is as good as what the process has seen so far.
        private static func ageless(_ text: String) -> String {
            let text = text.replacing(#/"usualDurationSeconds":[^,]+,/#, with: "")
            return text.contains("  AGE ") ? text.replacing(#/ +\d+ (s|min) +| {2,}/#, with: " ") : text
        }

        /// How many processes of the program have a text in their arguments.
        private static func processes(with text: String) async throws -> Int {
            let result = try await Subprocess.run(
                .name("pgrep"), arguments: ["-c", "-f", "--", "registry-query .*\(text)"], output: .string(limit: 100))
            return Int(result.standardOutput.split(whereSeparator: \.isWhitespace).first ?? "0") ?? 0
        }
    }
}
