import HTTPTransport
import HTTPTypes
import Testing

@testable import KubernetesClient

@Suite("A watch tells what happened, however it is cut")
struct WatchTests {
    /// What came of reading a watch to its end.
    struct Reading: Equatable {
        var versions: [String?] = []
        var error: KubernetesError.Code?
    }

    private func read(
        _ body: [UInt8], pieces: Int? = nil, failure: TransportError? = nil, eventBytes: Int = 4 * 1024 * 1024
    ) async throws -> Reading {
        let transport = PieceTransport(body: body, pieceLength: pieces, failure: failure)
        let response = try await transport.send(OutboundRequest(url: try HTTPURL("http://api.example")))
        let watch = Watch<Job>(
            body: response.body,
            operation: KubernetesOperation(ResourceAccess("watch", .jobs), namespace: "build-system"),
            eventBytes: eventBytes)
        var reading = Reading()
        do {
            for try await event in watch {
                reading.versions.append(event.resourceVersion)
            }
        } catch let error as KubernetesError {
            reading.error = error.code
        }
        return reading
    }

    @Test("cut at every byte, it gives exactly the events that were whole, and then ends or breaks")
    func everyCut() async throws {
        // Three events of a real stream, a bookmark among them.
        let events = try lines("watch-jobs-build").suffix(3)
        let body = Array(events.joined(separator: [0x0A])) + [0x0A]
        let versions = try events.map { try JSONValue(json: $0)["object"]?["metadata"]?["resourceVersion"]?.string }
        var ends: [Int] = []
        for event in events { ends.append((ends.last.map { $0 + 1 } ?? 0) + event.count) }
        var wrong: [Int] = []
        for cut in 0...body.count {
            let whole = ends.filter { $0 <= cut }.count
            let isBetween = cut == 0 || ends.contains(cut) || ends.contains(cut - 1)
            let reading = try await read(Array(body.prefix(cut)))
            let expected = Reading(versions: Array(versions.prefix(whole)), error: isBetween ? nil : .unreachable)
            if reading != expected { wrong.append(cut) }
        }
        #expect(body.count > 5000)
        #expect(wrong == [], "cuts with another reading")
    }

    @Test("a cut that the transport reports is transient, and what came before it counts")
    func brokenConnection() async throws {
        let body = Array(try lines("watch-jobs-build").joined(separator: [0x0A]))
        for cut in stride(from: 0, to: body.count, by: 4999) {
            let reading = try await read(
                Array(body.prefix(cut)), failure: TransportError(.connectionLost, "lost"))
            #expect(reading.error == .unreachable)
            #expect(reading.versions.count == body.prefix(cut).count { $0 == 0x0A })
        }
    }

    @Test("pieces of any length give the same events", arguments: [1, 2, 3, 64, 4096, 65536])
    func pieces(_ length: Int) async throws {
        let body = try Recording.file("watch-jobs-build.jsonl")
        let reading = try await read(body, pieces: length)
        #expect(reading.error == nil)
        #expect(
            reading.versions == [
                "2889", "2892", "2927", "2933", "2935", "2937", "2939", "2940", "2941", "2943", "2943", "2967",
            ])
    }

    @Test("events keep their kind")
    func kinds() async throws {
        var kinds: [String] = []
        for try await event in try await client(try Recording("watch-jobs-build").transport())
            .watchJobs(WatchOptions(from: "2888"))
        {
            switch event {
            case .added(let job): kinds.append("added \(job.metadata.name)")
            case .modified: kinds.append("modified")
            case .deleted(let job): kinds.append("deleted \(job.metadata.name)")
            case .bookmark: kinds.append("bookmark")
            }
        }
        let name = "build-app-example-v1-2-3"
        #expect(
            kinds == ["added \(name)"] + Array(repeating: "modified", count: 8)
                + ["deleted \(name)", "bookmark", "bookmark"])
    }

    @Test("a version that is too old is expired, in the stream and as a status")
    func expired() async throws {
        #expect(try await read(try Recording.file("watch-410-from-rv-1.jsonl")).error == .expired)
        let refused = PieceTransport(status: 410, body: try Recording("job-list-410-exact-rv").body)
        #expect(
            await kubernetesError { _ = try await client(refused).watchJobs(WatchOptions(from: "1")) }?.code == .expired
        )
        let failed = try Recording("watch-500-bad-rv").transport()
        #expect(
            await kubernetesError { _ = try await client(failed).watchJobs(WatchOptions(from: "abc")) }?.code
                == .serverFailure)
    }

    @Test("nothing comes after an error")
    func afterError() async throws {
        let error = try Recording.file("watch-410-from-rv-1.jsonl")
        let body = error + (try Recording.file("watch-jobs-build.jsonl"))
        let watch = try await client(PieceTransport(body: body)).watchJobs(WatchOptions(from: "1"))
        var iterator = watch.makeAsyncIterator()
        await #expect(throws: KubernetesError.self) { _ = try await iterator.next() }
        #expect(try await iterator.next() == nil)
    }

    @Test("an event longer than allowed ends the watch, however it comes", arguments: [1, 100, 1_000_000])
    func longEvent(_ pieces: Int) async throws {
        let line = try lines("watch-jobs-build")[0]
        #expect(try await read(line, pieces: pieces, eventBytes: line.count - 1).error == .malformedAnswer)
        #expect(try await read(line, pieces: pieces, eventBytes: line.count).error == nil)
    }

    static let strange: [String] = [
        "<html>login</html>\n", #"{"type":"SOMETHING","object":{}}"# + "\n", #"{"type":"ADDED"}"# + "\n",
        #"{"type":"ADDED","object":{"kind":"Job"}}"# + "\n", #"{"type":"ERROR","object":{"kind":"Pod"}}"# + "\n",
        "{\"type\":\"ADDED\",\"object\":\u{FF}\n",
    ]

    @Test("a line that is no event is malformed", arguments: strange)
    func strangeLine(_ line: String) async throws {
        #expect(try await read(Array(line.utf8)).error == .malformedAnswer)
    }

    @Test("empty lines and carriage returns are no events")
    func emptyLines() async throws {
        let line = try lines("watch-jobs-build")[0]
        let reading = try await read([0x0A, 0x0D, 0x0A] + line + [0x0D, 0x0A, 0x0A])
        #expect(reading == Reading(versions: ["2889"], error: nil))
    }
}

@Suite("A log, or why there is none")
struct PodLogTests {
    static let outcomes: [(recording: String, outcome: String)] = [
        ("log-400-waiting", "not started: PodInitializing"), ("log-400-init-failed", "not started: PodInitializing"),
        ("log-400-image-pull", "not started: trying and failing to pull image"),
        ("log-400-bad-container", "no container"), ("log-404-pod", "no pod"), ("log-400-previous", "error"),
        ("anonymous-403", "error"), ("log-main", "bytes"),
    ]

    @Test("recorded answers", arguments: outcomes)
    func outcome(_ name: String, _ expected: String) async throws {
        let recording = try Recording(name)
        let pod = recording.path.split(separator: "/").dropLast().last.map(String.init) ?? ""
        let outcome: String
        do {
            switch try await client(recording.transport()).log(ofPod: pod, LogOptions(container: "buildkit")) {
            case .bytes: outcome = "bytes"
            case .notStarted(let reason): outcome = "not started: \(reason)"
            case .noSuchContainer: outcome = "no container"
            case .noSuchPod: outcome = "no pod"
            }
        } catch is KubernetesError {
            outcome = "error"
        }
        #expect(outcome == expected)
    }

    @Test("a log that breaks off says so after what came")
    func broken() async throws {
        let transport = PieceTransport(
            body: Array("one\ntwo".utf8), pieceLength: 4, failure: TransportError(.connectionLost, "lost"))
        var options = LogOptions(container: "buildkit")
        options.follow = true
        guard case .bytes(let bytes) = try await client(transport).log(ofPod: "pod", options) else {
            Issue.record("no log")
            return
        }
        var read: [UInt8] = []
        let error = await kubernetesError {
            for try await piece in bytes { read += piece }
        }
        #expect(error?.code == .unreachable)
        #expect(read == Array("one\ntwo".utf8))
        #expect(transport.requests[0].limits.total == nil)
    }
}
