import FoundationEssentials
import Testing

@testable import Builds

@Suite("Events of builds, from how they are at each look")
struct BuildJournalTests {
    private let start = Date(timeIntervalSince1970: 1_795_339_400)

    private func build(_ version: String = "v1.0.0", change: (inout Build) -> Void = { _ in }) throws -> Build {
        var build = try kubernetesPlan(version).queued(message: "waiting")
        build.createdAt = start
        change(&build)
        return build
    }

    private func running(_ build: Build, _ phases: Build.Phase...) -> Build {
        var build = build
        build.startedAt = start + 5
        for (index, phase) in phases.enumerated() {
            build.begin(phase, "working")
            build.phaseStarts[phase] = start + 5 + Double(index)
        }
        return build
    }

    private func ended(_ build: Build, _ status: Build.Status = .failed) -> Build {
        var build = build
        build.fail("no")
        build.status = status
        build.finishedAt = start + 60
        return build
    }

    private func observe(_ journal: inout BuildJournal, _ builds: Build..., later: Double = 0) -> [BuildJournal.Event] {
        journal.observe(builds.map { BuildJournal.Observation(build: $0) }, at: start + later)
    }

    @Test("each event of a build is told once, in order")
    func once() throws {
        var journal = BuildJournal()
        #expect(observe(&journal).isEmpty)
        let queued = try build()
        #expect(observe(&journal, queued) == [.appeared(queued)])
        #expect(observe(&journal, queued).isEmpty)
        let cloning = running(queued, .cloning)
        #expect(observe(&journal, cloning) == [.started(cloning), .entered(cloning, .cloning)])
        // Two phases between two looks.
        let pushing = running(queued, .cloning, .building, .pushing)
        #expect(observe(&journal, pushing) == [.entered(pushing, .building), .entered(pushing, .pushing)])
        var later = pushing
        later.message = "still pushing"
        #expect(observe(&journal, later).isEmpty)
        let over = ended(later)
        #expect(observe(&journal, over) == [.ended(over)])
        #expect(observe(&journal, over).isEmpty && observe(&journal).isEmpty)
    }

    @Test("a build that comes and ends between two looks has all its events")
    func quick() throws {
        var journal = BuildJournal()
        _ = observe(&journal)
        let over = ended(running(try build(), .cloning, .building))
        #expect(
            observe(&journal, over) == [
                .appeared(over), .started(over), .entered(over, .cloning), .entered(over, .building), .ended(over),
            ])
    }

    @Test("what had happened before the first look is not told, and what happens after it is")
    func base() throws {
        var journal = BuildJournal()
        let (old, open) = (ended(try build("v1.0.0")), running(try build("v1.0.1"), .cloning))
        #expect(observe(&journal, old, open) == [.appeared(open)])
        #expect(
            observe(&journal, old, running(open, .cloning, .building)) == [
                .entered(running(open, .cloning, .building), .building)
            ])
        let over = ended(open)
        #expect(observe(&journal, old, over).last == .ended(over))
        #expect(observe(&journal).isEmpty)
    }

    @Test("one that vanishes before it has ended was cancelled, once; one that is held back was promised to nobody")
    func vanished() throws {
        var journal = BuildJournal()
        let open = running(try build(), .building)
        let heldBack = try build("v1.0.1") { $0.isHeldBack = true }
        _ = observe(&journal, open, heldBack)
        let events = observe(&journal, later: 30)
        guard case .ended(let gone)? = events.first, events.count == 1 else {
            Issue.record("one has ended: \(events)")
            return
        }
        #expect(gone.id == open.id && gone.status == .cancelled && gone.finishedAt == start + 30)
        #expect(observe(&journal).isEmpty)
    }

    @Test("another attempt of the same name is another build")
    func replaced() throws {
        var journal = BuildJournal()
        let first = try build()
        _ = observe(&journal, first)
        let second = try build { $0.createdAt += 1 }
        let events = observe(&journal, second)
        #expect(events.count == 2 && events.contains(.appeared(second)))
        #expect(
            events.contains { if case .ended(let build) = $0 { build.createdAt == first.createdAt } else { false } })
        #expect(journal.open == [second])
    }

    @Test("an end of which more may be found out is told once that was found out, or once the build is gone")
    func unsettled() throws {
        var journal = BuildJournal()
        _ = observe(&journal)
        var failed = ended(try build())
        let early = BuildJournal.Observation(build: failed, isSettled: false)
        #expect(journal.observe([early], at: start) == [.appeared(failed)])
        #expect(journal.open == [failed])
        var copy = journal
        #expect(copy.observe([], at: start) == [.ended(failed)], "it is not taken for cancelled")
        failed.message = "known better"
        #expect(observe(&journal, failed) == [.ended(failed)])
    }
}
