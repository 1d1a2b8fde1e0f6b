import FoundationEssentials
import KubernetesClient
import Testing

@testable import Builds

@Suite("When a build came to each phase")
struct PhaseTimesTests {
    private func date(_ seconds: Double) -> Date { Date(timeIntervalSince1970: 1_795_339_400 + seconds) }

    private func build(_ starts: [Build.Phase: Double], end: Double? = nil) throws -> Build {
        var build = try kubernetesPlan().queued(message: "")
        build.phaseStarts = starts.mapValues(date)
        build.finishedAt = end.map(date)
        return build
    }

    @Test(
        "each ends where the next begins, none before it begins, whatever the clocks say",
        arguments: [
            ([:], nil, []),
            ([.cloning: 0], nil, [(0, nil)]),
            ([.cloning: 0, .building: 3, .pushing: 9, .verifying: 10], 12, [(0, 3), (3, 9), (9, 10), (10, 12)]),
            // One that nobody has seen.
            ([.cloning: 0, .building: 3, .verifying: 10], 12, [(0, 3), (3, 10), (10, 12)]),
            // A push seen by a clock that is behind, and one by a clock that is ahead.
            ([.building: 3, .pushing: 1, .verifying: 10], nil, [(3, 3), (3, 10), (10, nil)]),
            ([.building: 3, .pushing: 11, .verifying: 10], nil, [(3, 11), (11, 11), (11, nil)]),
            ([.cloning: 5, .building: 6], 4, [(4, 4), (4, 4)]),
        ] as [([Build.Phase: Double], Double?, [(Double, Double?)])])
    func ordered(_ starts: [Build.Phase: Double], _ end: Double?, _ expected: [(Double, Double?)]) throws {
        let times = try build(starts, end: end).phaseTimes
        #expect(times.map(\.phase) == Build.Phase.allCases.filter(starts.keys.contains))
        #expect(times.map(\.startedAt) == expected.map { date($0.0) })
        #expect(times.map(\.endedAt) == expected.map { $0.1.map(date) })
    }

    // MARK: From the cluster

    private func starts(_ job: String, _ pods: String?, pushingSince: Date? = nil) throws -> [Build.Phase: String] {
        let job = try KubernetesFixtures.job(job)
        let pods = try pods.map(KubernetesFixtures.pods) ?? []
        return JobReading(job: job, pod: pods.first, pushingSince: pushingSince, now: Date()).phaseStarts
            .mapValues { Timestamp($0).description }
    }

    @Test("a Pod tells of its containers, and its Job of the end, as they were recorded")
    func recorded() throws {
        let done = try starts("job-get-complete", "pods-succeeded")
        #expect(Set(done.keys) == [.cloning, .building, .verifying], "\(done)")
        #expect(Set(try starts("job-get-init-running", "pods-init-running").keys) == [.cloning])
        // Cloned, and the next container is about to start.
        #expect(Set(try starts("job-get-init-running", "pods-init-terminated").keys) == [.cloning, .building])
        #expect(Set(try starts("job-get-running", "pods-main-running").keys) == [.cloning, .building])
        #expect(Set(try starts("job-get-failed-backoff", "pods-failed-main").keys) == [.cloning, .building])
        #expect(Set(try starts("job-get-failed-clone", "pods-failed-init").keys) == [.cloning])
        #expect(Set(try starts("job-get-ttl-finalizer", nil).keys) == [.verifying])
        #expect(try starts("job-get-pending", nil).isEmpty)
    }

    @Test("a push belongs to the time in which its container ran")
    func push() throws {
        let end = try #require(try starts("job-get-complete", "pods-succeeded")[.verifying])
        let late = try starts("job-get-complete", "pods-succeeded", pushingSince: .distantFuture)
        #expect(late[.pushing] == end)
        let before = Date(timeIntervalSince1970: 1_000_000_000)
        let early = try starts("job-get-complete", "pods-succeeded", pushingSince: before)
        #expect(early[.pushing] == Timestamp(before).description)
    }

    @Test("what is recorded on a Job is read again as it was, and what somebody edited is passed over")
    func annotation() throws {
        let build = try build([.cloning: 0, .building: 3, .pushing: 9.125, .verifying: 10], end: 12)
        let note = try #require(JobBuild.record(of: build)[JobKeys.Annotation.phases])
        #expect(
            note == #"{"building":"2026-11-22T09:23:23.000000Z","cloning":"2026-11-22T09:23:20.000000Z","#
                + #""pushing":"2026-11-22T09:23:29.125000Z","verifying":"2026-11-22T09:23:30.000000Z"}"#)
        var document = try JobTemplate().render(try kubernetesPlan(), namespace: "b", reservation: "r")
        func read(_ note: String) throws -> [Build.Phase: Date] {
            document["metadata"]?["annotations"]?[JobKeys.Annotation.phases] = .string(note)
            return JobBuild.phases(on: try KubernetesFixtures.decode(document))
        }
        #expect(try read(note) == build.phaseStarts)
        for other in ["", "[]", "{", #"{"cloning":"yesterday"}"#, #"{"cloning":1}"#] {
            #expect(try read(other).isEmpty)
        }
        #expect(try read(#"{"baking":"2026-11-22T09:23:20Z","cloning":"2026-11-22T09:23:20Z"}"#) == [.cloning: date(0)])
        #expect(JobBuild.record(of: try self.build([:]))[JobKeys.Annotation.phases] == nil)
    }
}
