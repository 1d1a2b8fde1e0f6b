import FoundationEssentials
import OCIDistribution
import SemanticVersions
import Testing

@testable import Builds

@Suite("What a process remembers of builds that have ended")
struct BuildHistoryTests {
    private func build(
        _ number: Int, webapp: String = "app-example", _ status: Build.Status = .succeeded, took seconds: Double? = 10
    ) throws -> Build {
        var build = try plan("v1.0.\(number)", webapp: webapp).queued(message: "")
        build.createdAt = Date(timeIntervalSince1970: Double(1000 * number))
        build.status = status
        build.startedAt = seconds.map { _ in build.createdAt + 5 }
        if status.isFinal { build.finishedAt = build.createdAt + 5 + (seconds ?? 0) }
        return build
    }

    private func numbers(_ history: BuildHistory, _ webapp: String = "app-example") throws -> [Int] {
        history.builds(of: try WebappName(webapp)).map { Int($0.createdAt.timeIntervalSince1970) / 1000 }
    }

    @Test("those that have ended, newest first, in whatever order they come")
    func order() throws {
        let history = BuildHistory()
        for number in [3, 1, 2] { history.remember([try build(number)]) }
        history.remember([try build(4, .running), try build(5, .queued)])
        #expect(try numbers(history) == [3, 2, 1])
        #expect(history.webapps == [try WebappName("app-example")])
        #expect(history.builds(of: try WebappName("other")).isEmpty)
    }

    @Test("a build that is known is replaced, and another attempt of its name is another build")
    func replaced() throws {
        let history = BuildHistory()
        var build = try build(1, .failed)
        history.remember([build])
        build.message = "known better"
        history.remember([build, build])
        #expect(history.builds(of: build.webapp) == [build])
        var second = build
        second.createdAt += 1
        history.remember([second])
        #expect(history.builds(of: build.webapp) == [second, build])
        // Reserved in the same moment.
        var third = try self.build(7)
        third.createdAt = second.createdAt
        history.remember([third, second])
        #expect(Set(history.builds(of: build.webapp).map(\.id)) == [build.id, third.id])
        #expect(history.builds(of: build.webapp).count == 3)
    }

    @Test(
        "the usual duration is the median of the last ten successes",
        arguments: [
            ([], nil), ([10], 10), ([10, 30], 20), ([10, 1000, 30], 30), ([4, 2, 1, 3], 2.5),
            // The oldest two do not count.
            ([900, 900, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2], 1.5),
        ] as [([Double], Double?)])
    func usual(_ seconds: [Double], _ median: Double?) throws {
        let history = BuildHistory()
        for (index, seconds) in seconds.enumerated() {
            history.remember([try build(2 * index, took: seconds), try build(2 * index + 1, .failed, took: 5000)])
        }
        // A success of which it is not known when it began.
        history.remember([try build(900, took: nil)])
        #expect(history.usualDuration(of: try WebappName("app-example")) == median.map { .seconds($0) })
        #expect(history.usualDuration(of: try WebappName("other")) == nil)
    }

    @Test("only so many are remembered, the newest of each webapp and the newest webapps")
    func bounds() throws {
        let history = BuildHistory()
        for number in (1...60).shuffled() { history.remember([try build(number)]) }
        #expect(try numbers(history) == Array((11...60).reversed()))
        let others = try (1...BuildHistory.mostWebapps).map { try build(100 + $0, webapp: "app-\($0)") }
        history.remember(others.shuffled())
        #expect(history.webapps.count == BuildHistory.mostWebapps)
        #expect(try numbers(history).isEmpty, "the webapp whose last build is the oldest")
        history.remember([try build(1)])
        #expect(history.webapps.count == BuildHistory.mostWebapps)
        #expect(try numbers(history).isEmpty)
    }
}
