import HTTPTransport
import KubernetesStandIn
import Testing

@testable import KubernetesClient

@Suite("A recorded watch that is cut anywhere loses nothing", .timeLimit(.minutes(5)))
struct ReflectorCutTests {
    /// The end of the recorded build: the Job's deletion and two bookmarks, one of them with the version of the deletion.
    private struct Stream: Sendable {
        /// The version before them.
        static let start = "2941"
        static let told = ["listed ", "connected", "removed build-app-example-v1-2-3 2943"]

        /// The events' versions, and where each event ends, its line break not counted.
        let ends: [(version: String, offset: Int)]
        /// What a watch sends, by the version that it begins at.
        let bytes: [String: [UInt8]]

        init() throws {
            var whole: [UInt8] = []
            var ends: [(String, Int)] = []
            for line in try Recording.file("watch-jobs-build.jsonl").split(separator: 0x0A).suffix(3) {
                whole += line
                let version = try JSONValue(json: Array(line))["object"]?["metadata"]?["resourceVersion"]?.string
                ends.append((version ?? "", whole.count))
                whole.append(0x0A)
            }
            self.ends = ends
            var bytes = [Self.start: whole]
            for (version, offset) in ends { bytes[version] = Array(whole.dropFirst(offset + 1)) }
            self.bytes = bytes
        }

        var whole: [UInt8] { bytes[Self.start] ?? [] }

        /// The version of the last event that is whole in the first so many bytes.
        func version(before cut: Int, needsBreak: Bool) -> String {
            ends.last { $0.offset + (needsBreak ? 1 : 0) <= cut }?.version ?? Self.start
        }
    }

    private func reflect(_ server: ReflectedServer) async throws -> ReflectedCopy {
        let reflector = try client(server).jobReflector()
        let copy = ReflectedCopy()
        let task = Task { await reflector.run { copy.apply($0) } }
        try await server.isWaiting.wait()
        task.cancel()
        await task.value
        return copy
    }

    /// Cuts the first watch, and lets the second one come in two pieces: where these part is every byte in turn, too.
    private func isRight(_ stream: Stream, cut: Int, end: ScriptedAnswer.End) async throws -> Bool {
        let whole = stream.whole
        let server = ReflectedServer(answering: [
            { _ in .list(Stream.start) },
            { _ in ScriptedAnswer(pieces: [Array(whole.prefix(cut))], end: end) },
            { version in
                let rest = version.flatMap { stream.bytes[$0] } ?? []
                let boundary = cut % (rest.count + 1)
                return ScriptedAnswer(
                    pieces: [Array(rest.prefix(boundary)), Array(rest.dropFirst(boundary))], end: .silent)
            },
        ])
        let copy = try await reflect(server)
        let isWell = if case .ended = end { true } else { false }
        // Where a connection ends well, the last event may lack its line break.
        let next = stream.version(before: cut, needsBreak: !isWell)
        guard server.asked == ["list", "watch \(Stream.start)", "watch \(next)"], copy.objects.isEmpty else {
            return false
        }
        // Each event once, in order; each interruption followed by a connection.
        let isInterrupted = copy.log.contains("interrupted unreachable") || copy.log.contains("interrupted unavailable")
        let told = copy.log.filter { !$0.hasPrefix("interrupted") && $0 != "connected" }
        return told == Stream.told.filter { $0 != "connected" }
            && copy.log.count { $0 == "connected" } == (isInterrupted ? 2 : 1)
            && isInterrupted == (!isWell || !stream.ends.contains { $0.offset == cut || $0.offset + 1 == cut })
    }

    @Test("broken after any byte, it goes on after the last whole event", arguments: 0..<8)
    func everyByte(_ part: Int) async throws {
        let stream = try Stream()
        #expect(stream.whole.count > 10_000)
        var wrong: [Int] = []
        for cut in stride(from: part, through: stream.whole.count, by: 8) {
            if try await !isRight(stream, cut: cut, end: .broken) { wrong.append(cut) }
        }
        #expect(wrong == [], "cuts that lose or repeat something")
    }

    @Test("ended after any byte as if all were well, it goes on after the last whole event, too")
    func everyEnd() async throws {
        let stream = try Stream()
        let isNear = { (cut: Int) in stream.ends.contains { abs($0.offset - cut) < 20 } }
        var wrong: [Int] = []
        for cut in 0...stream.whole.count where cut % 23 == 0 || isNear(cut) {
            if try await !isRight(stream, cut: cut, end: .ended) { wrong.append(cut) }
        }
        #expect(wrong == [], "cuts that lose or repeat something")
    }

    @Test("the whole recorded watch in pieces of one byte is the same watch")
    func bytes() async throws {
        let whole = try Recording.file("watch-jobs-build.jsonl")
        let server = ReflectedServer(.list("2888"), ScriptedAnswer(pieces: whole.map { [$0] }, end: .silent))
        let name = "build-app-example-v1-2-3"
        #expect(
            try await reflect(server).log == ["listed ", "connected"]
                + [2889, 2892, 2927, 2933, 2935, 2937, 2939, 2940, 2941].map { "changed \(name) \($0)" }
                + ["removed \(name) 2943"])
    }
}
