import FoundationEssentials
import RegistryTesting
import Subprocess
import SystemPackage
import Testing

extension EndToEnd {
    @Suite("Tables, completions, and what others write")
    struct PresentationTests {
        private static func image(_ tag: String) -> String {
            #"""
            {"tag": "\#(tag)", "image": "r/webapp/app:\#(tag)", "digest": "sha256:0123456789abcdef0123", "size": 2400000,
             "platforms": ["linux/amd64", "linux/arm64"], "createdAt": "2020-01-01T00:00:00.000Z"}
            """#
        }

        private static let tags =
            #"{"repository": "webapp/app", "latest": "v1.1.0", "count": 24, "tags": ["v1.1.0", "v1.0.0", "old"]}"#
        private static let answers = [
            "/tags/app": tags, "/tags/app/v1.1.0": image("v1.1.0"), "/tags/app/v1.0.0": image("v1.0.0"),
        ]

        @Test("tags: a table on a terminal or with --long, one tag a line in a pipe")
        func tags() async throws {
            let service = try await ScriptedService(
                Self.answers.merging(["/tags/app/old": Self.image("old")]) { $1 })
            defer { service.close() }
            let settings = ["REGISTRY_QUERY_URL": service.url]
            let piped = try await Scene.run(["tags", "app"], settings: settings)
            #expect(piped.status == 0 && piped.output == "v1.1.0\nv1.0.0\nold\n" && piped.errors == "", "\(piped)")
            #expect(service.requests == ["GET /tags/app -"], "no detail is asked for a pipe, and no limit is set")
            let age = Int(Date().timeIntervalSince(try Date("2020-01-01T00:00:00Z", strategy: .iso8601)) / 86_400)
            let table = """
                TAG            AGE     SIZE    PLATFORMS                 DIGEST
                v1.1.0 latest  \(age) d  2.4 MB  linux/amd64, linux/arm64  sha256:0123456789ab
                v1.0.0         \(age) d  2.4 MB  linux/amd64, linux/arm64  sha256:0123456789ab
                old            \(age) d  2.4 MB  linux/amd64, linux/arm64  sha256:0123456789ab

                """
            let summary = "3 of 24 tags in webapp/app; the latest version is v1.1.0; --limit shows more\n"
            let long = try await Scene.run(["tags", "app", "--long", "--limit", "3"], settings: settings)
            #expect(long.status == 0 && long.output == table && long.errors == summary, "\(long)")
            #expect(service.requests.contains("GET /tags/app?limit=3 -"))
            let screen = try await TerminalRun.run(["tags", "app"], settings: settings)
            #expect(service.requests.contains("GET /tags/app?limit=20 -"))
            #expect(
                screen.pictures().last?.text == (table + summary).split(separator: "\n").map(String.init), "\(screen)")
            let json = try await Scene.run(["tags", "app", "-o", "json"], settings: settings)
            #expect(json.output == Self.tags + "\n")
            for wrong in [["tags", "app", "--long", "-o", "json"], ["tags", "app", "v1.0.0", "--long"]] {
                #expect(try await Scene.run(wrong, settings: settings).status == 64)
            }
        }

        @Test("a tag whose details cannot be had keeps its line, and is an error that says so")
        func missingDetails() async throws {
            let service = try await ScriptedService(Self.answers)
            defer { service.close() }
            let ending = try await Scene.run(["tags", "app", "--long", "--server", service.url], settings: [:])
            #expect(ending.status == 1 && ending.output.contains("\nold            -"), "\(ending)")
            #expect(ending.errors.contains("of old: there is nothing at /tags/app/old"), "\(ending)")
            let empty = try await ScriptedService([
                "/tags/app": #"{"repository": "webapp/app", "latest": null, "count": 0, "tags": []}"#
            ])
            defer { empty.close() }
            let none = try await Scene.run(["tags", "app", "--long", "--server", empty.url], settings: [:])
            #expect(none.status == 0 && none.output == "" && none.errors.hasPrefix("0 tags in webapp/app; "), "\(none)")
        }

        @Test("builds: a table as wide as the terminal with coloured states, or a line that says that there are none")
        func builds() async throws {
            let message = "the registry serves it, which is a long story \(String(repeating: "x", count: 200))"
            let list = #"""
                {"builds": [
                 {"id": "b-2", "tag": "v1.0.1", "image": "i", "status": "running", "phase": "building", "done": false,
                  "message": "two\nlines", "git": {}, "progress": {"step": 4, "steps": 9, "instruction": "RUN a"}},
                 {"id": "b-1", "tag": "v1.0.0", "image": "i", "status": "succeeded", "done": true, "message": "\#(message)",
                  "git": {}, "createdAt": "1990-01-01T00:00:00Z", "durationSeconds": 62.6}]}
                """#
            let service = try await ScriptedService(["/builds": list])
            defer { service.close() }
            let settings = ["REGISTRY_QUERY_URL": service.url]
            let piped = try await Scene.run(["builds"], settings: settings)
            let lines = piped.output.split(separator: "\n")
            #expect(lines.first == "BUILD  VERSION  STATUS                  AGE      TOOK       MESSAGE", "\(piped)")
            #expect(lines[1] == "b-2    v1.0.1   running (building 4/9)  -        -          two lines")
            #expect(lines[2].hasPrefix("b-1    v1.0.0   succeeded               1"))
            #expect(lines[2].contains(" d  1 min 2 s  the registry") && lines[2].hasSuffix("…"))
            let screen = try await TerminalRun.run(["builds"], columns: 70, settings: settings)
            let picture = try #require(screen.pictures(columns: 70).last)
            #expect(picture.trouble == [] && picture.text.count == 3 && picture.text[2].count == 70, "\(picture.text)")
            #expect(picture.styles.isSuperset(of: ["1", "32", "36"]))
            let empty = try await ScriptedService(["/builds": #"{"builds": []}"#])
            defer { empty.close() }
            let none = try await Scene.run(
                ["builds", "app", "--status", "failed", "--server", empty.url], settings: [:])
            #expect(none.status == 0 && none.output == "" && none.errors == "there are no failed builds of app\n")
        }

        @Test("no command prints for people what a terminal would obey, whoever wrote it")
        func hostileTexts() async throws {
            let evil = #"x\u001b[2J\u001b]52;c;AAAA\u0007\u009b31m\u0008\u202ey"#
            let build = #"""
                {"id": "b", "tag": "\#(evil)", "image": "\#(evil)", "status": "\#(evil)", "phase": "\#(evil)", "done": true,
                 "message": "\#(evil)", "digest": "\#(evil)", "git": {"commit": "\#(evil)"},
                 "progress": {"step": 1, "steps": 2, "instruction": "\#(evil)"}}
                """#
            let service = try await ScriptedService(
                [
                    "/tags/app": #"{"repository": "\#(evil)", "latest": "\#(evil)", "count": 1, "tags": ["\#(evil)"]}"#,
                    "/tags/app/v1.0.0": #"""
                    {"image": "\#(evil)", "digest": "\#(evil)", "size": 1, "platforms": ["\#(evil)"], "createdAt": "\#(evil)",
                     "revision": "\#(evil)", "source": "\#(evil)"}
                    """#,
                    "/builds": #"{"builds": [\#(build)]}"#,
                ], states: [build.replacing("\n", with: " ")])
            defer { service.close() }
            let settings = ["REGISTRY_QUERY_URL": service.url]
            for command in [
                ["tags", "app"], ["tags", "app", "--long"], ["tags", "app", "v1.0.0"], ["builds"], ["cancel", "b"],
                ["retry", "b"], ["retry", "b", "--wait"],
            ] {
                let ending = try await Scene.run(command, settings: settings)
                let text = ending.output + ending.errors
                #expect(text.contains("xy"), "\(command): \(ending)")
                #expect(
                    !text.unicodeScalars.contains { $0 != "\n" && ($0.value < 32 || (127...159).contains($0.value)) })
                #expect(!text.unicodeScalars.contains("\u{202e}"))
            }
        }

        @Test("a log is what it is in a pipe, and keeps its colours and nothing else on a terminal")
        func logs() async throws {
            let log = "\u{1b}[31mred\u{1b}[0m\u{1b}[2J\u{1b}]0;t\u{7} 漢\r\nend \u{1b}[32mgreen"
            let service = try await ScriptedService(log: log)
            defer { service.close() }
            let settings = ["REGISTRY_QUERY_URL": service.url]
            #expect(try await Scene.run(["logs", "b"], settings: settings).output == log)
            let screen = try await TerminalRun.run(["logs", "b"], settings: settings)
            #expect(screen.bytes == "\u{1b}[31mred\u{1b}[0m 漢\r\nend \u{1b}[32mgreen\u{1b}[0m", "\(screen)")
            let plain = try await TerminalRun.run(["logs", "b"], settings: settings.merging(["NO_COLOR": "1"]) { $1 })
            #expect(plain.bytes == "red 漢\r\nend green")
            let json = try await Scene.run(["logs", "b", "--output", "json"], settings: settings)
            #expect(
                try json.output.split(separator: "\n").map { try JSON(parsing: String($0))["log"]?.string ?? "" }
                    .joined() == log)
        }

        @Test("a token does not go through a proxy of the environment on its way to a service over plain HTTP")
        func proxy() async throws {
            let proxy = try await HostileServer(.answers(body: Self.tags))
            defer { proxy.close() }
            let service = try await ScriptedService(Self.answers)
            defer { service.close() }
            let ending = try await Scene.run(
                ["tags", "app"],
                settings: [
                    "REGISTRY_QUERY_URL": service.url, "REGISTRY_QUERY_TOKEN": "builder-token-0123456789",
                    "http_proxy": proxy.url, "all_proxy": proxy.url, "ALL_PROXY": proxy.url,
                ])
            #expect(ending.status == 0 && service.requests.count == 1 && proxy.requests == [], "\(ending)")
        }

        @Test("completion scripts for bash, zsh and fish name the commands and their choices, and bash accepts its own")
        func completions() async throws {
            for shell in ["bash", "zsh", "fish"] {
                let ending = try await Scene.run(["--generate-completion-script", shell], settings: [:])
                #expect(ending.status == 0 && ending.errors == "")
                for word in [
                    "serve", "tags", "next", "build", "builds", "logs", "cancel", "retry", "queued", "prerelease",
                    "json",
                    "kubernetes",
                ] {
                    #expect(ending.output.contains(word), "\(shell): \(word)")
                }
                #expect(!ending.output.contains("work --"), "the worker is nobody's command")
                guard shell == "bash" else { continue }
                let directory = try TemporaryDirectory()
                let file = try directory.write(ending.output, to: "completion")
                for script in [file, try directory.write(ending.output + "\nif", to: "broken")] {
                    let bash = try await Subprocess.run(
                        .name("bash"), arguments: ["-n", script], output: .discarded, error: .discarded)
                    #expect((bash.terminationStatus == .exited(0)) == (script == file))
                }
                let completed = try await Subprocess.run(
                    .name("bash"),
                    arguments: [
                        "-c",
                        """
                        . "$0"; COMP_WORDS=(registry-query builds --status ""); COMP_CWORD=3
                        COMP_LINE="registry-query builds --status "; COMP_POINT=${#COMP_LINE}
                        _registry-query registry-query "" --status; echo "${COMPREPLY[@]}"
                        """, file,
                    ], output: .string(limit: 10_000))
                #expect(completed.standardOutput == "queued running succeeded failed cancelled\n")
            }
        }

        @Test("files with the service's own secrets keep nothing but the service from working")
        func otherPeoplesFiles() async throws {
            try await Scene.play { scene in
                for variable in ["API_TOKENS_FILE", "GITHUB_WEBHOOK_SECRET_FILE"] {
                    let next = try await scene.run("next", "app-example", changing: [variable: "/nowhere"])
                    #expect(next.status == 0 && next.output == "v1.0.0\n", "\(next)")
                    let serve = try await scene.run("serve", changing: [variable: "/nowhere"])
                    #expect(serve.status == 64 && serve.errors.contains("\(variable)=/nowhere"), "\(serve)")
                }
            }
        }
    }
}
