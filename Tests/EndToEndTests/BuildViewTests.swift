import FoundationEssentials
import Testing

@testable import registry_query

@Suite("How a build under way is shown")
struct BuildViewTests {
    private static func build(_ members: String) throws -> BuildDocument {
        try JSONDecoder().decode(
            BuildDocument.self,
            from: Data(
                """
                {"id": "build-app-v1-0-0", "tag": "v1.0.0", "image": "i", "done": false, "message": "m", "git": {}, \(members)}
                """.utf8))
    }

    private static func lines(_ members: String, last: String = "", columns: Int = 80) throws -> [String] {
        BuildView(build: try build(members), elapsed: .seconds(41.9), lastLine: last).lines(columns: columns)
            .map { $0.text(inColour: false) }
    }

    private static let underWay = #""status": "running", "phase": "building", "usualDurationSeconds": 64.6"#

    @Test("phase, time against the usual, step, and the last line of the log")
    func everything() throws {
        let step = #", "progress": {"step": 3, "steps": 4, "instruction": "RUN npm ci"}"#
        #expect(
            try Self.lines(Self.underWay + step, last: "added 120 packages") == [
                "building  41 s, usually about 1 min 5 s  build-app-v1-0-0",
                "████████████░░░░░░░░░░░░ step 3 of 4  RUN npm ci",
                "added 120 packages",
            ])
        // The last step is through once the image is being pushed, and not before.
        let last = #", "progress": {"step": 4, "steps": 4, "instruction": "CMD a"}"#
        #expect(try Self.lines(Self.underWay + last)[1].contains("░"))
        let pushing = #""status": "running", "phase": "pushing""# + last
        #expect(try Self.lines(pushing)[1] == "████████████████████████ m", "what it does now is no step any more")
        let view = BuildView(build: try Self.build(pushing), elapsed: .zero, lastLine: "")
        #expect(view.line.text(inColour: false) == "pushing: m\n")
    }

    @Test("what is not known is left out")
    func less() throws {
        #expect(
            try Self.lines(#""status": "running", "phase": "cloning", "progress": null"#) == [
                "cloning  41 s  build-app-v1-0-0", "m",
            ])
        #expect(
            try Self.lines(#""status": "queued", "usualDurationSeconds": 5"#)[0]
                == "queued  for 41 s; builds usually take about 5 s  build-app-v1-0-0")
        #expect(
            try Self.lines(#""status": "queued", "usualDurationSeconds": null"#)[0].hasPrefix("queued  for 41 s  b"))
    }

    @Test(
        "numbers that cannot be are no steps",
        arguments: [
            (0, 4), (5, 4), (-1, 4), (1, 0), (1, 1_000_000_000), (9_223_372_036_854_775_807, 9_223_372_036_854_775_807),
        ])
    func nonsense(step: Int, steps: Int) throws {
        let progress = #", "progress": {"step": \#(step), "steps": \#(steps), "instruction": "x"}"#
        #expect(try Self.lines(Self.underWay + progress)[1] == "m")
    }

    @Test("no line is ever wider than the terminal")
    func width() throws {
        let instruction = "RUN 漢字 👩‍🚀 \\u001b[2J \(String(repeating: "x", count: 200))"
        let step = #", "progress": {"step": 3, "steps": 4, "instruction": "\#(instruction)"}"#
        for columns in [1, 2, 3, 5, 8, 13, 20, 21, 40, 79, 80, 130] {
            let lines = try Self.lines(Self.underWay + step, last: "a\n" + instruction, columns: columns)
            #expect(
                lines.count == 3 && lines.allSatisfy { $0.columns <= columns && !$0.contains("\u{1b}") }, "\(columns)")
        }
    }
}
