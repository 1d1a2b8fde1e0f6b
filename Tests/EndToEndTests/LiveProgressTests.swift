import Glibc
import RegistryTesting
import Testing

extension EndToEnd {
    @Suite("build --wait and retry, as a person sees them")
    struct LiveProgressTests {
        private static func state(_ members: String, message: String = "m") -> String {
            #"{"id": "b", "tag": "v1.0.0", "image": "r.example/webapp/app:v1.0.0", "message": "\#(message)", "git": {}, "#
                + members + "}"
        }

        private static func building(_ step: Int, _ instruction: String) -> String {
            state(
                #""status": "running", "phase": "building", "done": false, "durationSeconds": 41, "usualDurationSeconds": 65, "#
                    + #""progress": {"step": \#(step), "steps": 4, "instruction": "\#(instruction)"}"#)
        }

        private static let states = [
            state(#""status": "queued", "phase": null, "done": false, "progress": null"#),
            building(2, "RUN npm ci"),
            building(3, "RUN a line that is far longer than a narrow terminal is wide, and so is cut"),
            state(
                #""status": "succeeded", "done": true, "durationSeconds": 63.5, "digest": "sha256:0a1b""#,
                message: "served"),
        ]
        private static let log = "first\n\u{1b}[32madded\u{1b}[0m 120 packages\u{1b}]0;title\u{7}\u{1b}[2J\n\n"

        @Test("phase, step, time and the last line of the log change in place, and nothing of them is left at the end")
        func live() async throws {
            let service = try await ScriptedService(states: Self.states, log: Self.log, waits: true)
            defer { service.close() }
            let run = try await TerminalRun.run(
                ["build", "app", "--wait", "--server", service.url], settings: [:],
                cues: [
                    .init(after: "queued", touch: service.go(1)),
                    .init(after: "step 2 of 4"),
                    .init(after: "120 packages", resize: [40, 24], touch: service.go(2)),
                    // Being suspended shows the cursor; the program goes on as it was.
                    .init(after: "step 3 of 4", signal: SIGTSTP), .init(after: "\u{1b}[?25h", signal: SIGCONT),
                    .init(after: "step 3 of 4", touch: service.go(3)),
                ])
            #expect(run.status == 0, "\(run)")
            let pictures = run.pictures()
            #expect(pictures.allSatisfy { $0.trouble == [] }, "\(pictures.flatMap(\.trouble))")
            let full = try #require(pictures.map(\.text).first { $0.count == 3 && $0[1].contains("step 2 of 4") })
            #expect(full[2] == "added 120 packages" && full[0].contains(", usually about 1 min 5 s  b"), "\(full)")
            #expect(full[0].hasPrefix("building  4") && full[1] == "██████░░░░░░░░░░░░░░░░░░ step 2 of 4  RUN npm ci")
            let narrow = try #require(pictures.map(\.text).first { $0.joined().contains("step 3 of 4") })
            #expect(narrow.count == 3 && narrow[1].hasSuffix("…") && narrow.allSatisfy { $0.count < 40 }, "\(narrow)")
            // It is hidden while there is a block, and only then.
            #expect(pictures.dropFirst().count { $0.isCursorVisible && $0.text.isEmpty } == 1)
            #expect(pictures.dropFirst().dropLast().allSatisfy { $0.isCursorVisible == $0.text.isEmpty })
            let end = try #require(pictures.last)
            #expect(
                end.isCursorVisible
                    && end.text == [
                        "build    b", "image    r.example/webapp/app:v1.0.0", "status   succeeded",
                        "digest   sha256:0a1b", "took     1 min 3 s", "message  served",
                    ], "\(end.text)")
            #expect(end.styles.contains("32"))
        }

        @Test("Ctrl-C leaves the terminal as it was, says that the build goes on, and cancels nothing")
        func interrupt() async throws {
            let service = try await ScriptedService(states: Self.states, log: nil, waits: true)
            defer { service.close() }
            for (cue, signal) in [
                (TerminalRun.Cue(after: "step 2 of 4", type: "\u{3}"), 2),
                (.init(after: "step 2 of 4", signal: 15), 15),
            ] {
                let run = try await TerminalRun.run(
                    ["build", "app", "--wait", "--server", service.url], settings: [:],
                    cues: [.init(after: "queued", touch: service.go(1)), cue])
                #expect(run.status == -signal, "\(run)")
                let end = try #require(run.pictures().last)
                #expect(end.isCursorVisible && end.trouble == [])
                #expect(
                    end.text == [
                        "b goes on without this command. To follow it, and to stop it:",
                        "  registry-query logs b --follow --server \(service.url)",
                        "  registry-query cancel b --server \(service.url)",
                    ], "\(end.text)")
            }
            #expect(!service.requests.contains { $0.hasPrefix("DELETE") })
        }

        @Test("where there is no screen, or trouble with the log, there is a plain line for each phase and step")
        func plain() async throws {
            let lines = [
                "queued: m", "building: step 2 of 4: RUN npm ci",
                "building: step 3 of 4: RUN a line that is far longer than a narrow terminal is wide, and so is cut",
                "succeeded: served",
            ]
            // The same state twice is said once.
            let service = try await ScriptedService(states: Self.states.flatMap { [$0, $0] }, log: nil)
            defer { service.close() }
            let settings = ["REGISTRY_QUERY_URL": service.url]
            for command in [["build", "app"], ["retry", "b", "--idempotency-key", "k"]] {
                let ending = try await Scene.run(command + ["--wait"], settings: settings)
                #expect(ending.status == 0 && ending.errors == lines.map { $0 + "\n" }.joined(), "\(ending)")
                #expect(ending.output.contains("digest   sha256:0a1b\n") && !ending.output.contains("\u{1b}"))
            }
            #expect(service.requests.contains("POST /builds/b/retry k"))
            let document = try await Scene.run(["retry", "b", "--output", "json"], settings: settings)
            #expect(document.output == Self.states[0] + "\n" && service.requests.last == "POST /builds/b/retry -")
            let dumb = try await TerminalRun.run(
                ["build", "app", "--wait"], columns: 200, settings: settings.merging(["TERM": "dumb"]) { $1 },
                piped: true)
            #expect(dumb.status == 0 && dumb.bytes == lines.map { $0 + "\r\n" }.joined(), "\(dumb)")
            #expect(dumb.output.contains("sha256:0a1b"))
            let json = try await TerminalRun.run(
                ["build", "app", "--wait", "--output", "json"], settings: settings.merging(["NO_COLOR": "1"]) { $1 },
                piped: true)
            #expect(try JSON(parsing: json.output)["digest"] == "sha256:0a1b")
            let end = try #require(json.pictures().last)
            #expect(end.styles == [] && end.trouble == [] && end.text == [] && json.bytes.contains("step 2 of 4"))
        }

        @Test("a service of an earlier version is followed, too, and knows no retry")
        func earlier() async throws {
            let states = [
                Self.state(#""status": "running", "phase": "cloning", "done": false"#),
                Self.state(#""status": "failed", "phase": null, "done": true"#, message: "it broke"),
            ]
            let service = try await ScriptedService(states: states)
            defer { service.close() }
            let ending = try await Scene.run(["build", "app", "--wait", "--server", service.url], settings: [:])
            #expect(ending.status == 1 && ending.errors == "cloning: m\nfailed: it broke\n", "\(ending)")
            let server = try await HostileServer(
                .answers(
                    status: 404, type: "application/problem+json", body: #"{"code": "route_unknown", "message": "no"}"#)
            )
            defer { server.close() }
            let retry = try await Scene.run(["retry", "b", "--server", server.url], settings: [:])
            #expect(retry.status == 1 && retry.errors.contains("older than this program"), "\(retry)")
        }
    }
}
