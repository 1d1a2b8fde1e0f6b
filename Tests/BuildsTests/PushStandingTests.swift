import FoundationEssentials
import OCIDistribution
import SemanticVersions
import Testing

@testable import Builds

struct PushStandingTests {
    private static let noon = 1_795_377_600
    private let webapp: WebappName
    private let push = Push.of([.of("fix: x", ["shop/x"], id: 7)], pushedAt: noon, before: Push.id(6))

    init() throws { webapp = try WebappName("shop") }

    private func build(_ version: String, key: String?, of name: String = "shop") throws -> Build {
        let webapp = try WebappName(name)
        let version = try #require(VersionTag(version))
        let naming = try ImageNaming(registry: try RegistryHost("registry.example"), prefix: "webapp")
        return BuildPlan(
            webapp: webapp, version: version, image: try naming.image(of: webapp, tag: version.tag),
            git: GitSource(url: "https://git.example/x.git", ref: "main", commit: nil, subdirectory: name),
            createdAt: Date(), idempotencyKey: key
        ).queued(message: "")
    }

    private func key(at seconds: Int?, id: Int = 8, of name: String = "shop") throws -> String {
        "\(PushKey(.of([.of("fix: x", [], id: id)], pushedAt: seconds), webapp: try WebappName(name)))"
    }

    private func newest(_ revision: String?, _ seconds: Int?) throws -> PublishedVersion {
        PublishedVersion(
            tag: try #require(VersionTag("v1.2.3")), revision: revision,
            createdAt: seconds.map { Date(timeIntervalSince1970: Double($0)) })
    }

    @Test("a key tells push and time, can be read again, and cannot be sent by a caller")
    func keys() throws {
        let key = PushKey(push, webapp: webapp)
        #expect(PushKey("\(key)") == key && key.pushedAt == Self.noon)
        #expect("\(key)".contains(" "))
        #expect(PushKey(.of(push.commits, pushedAt: nil), webapp: webapp).description.hasPrefix("github push - "))
        let above = PushKey(push, webapp: webapp, above: VersionTag("v1.1.0"))
        #expect(PushKey("\(above)") == above && above != key && above.hash == key.hash)
        for other in [nil, "", "key", "github push", "github push 1", "github push 1 2 3 4"] {
            #expect(PushKey(other) == nil)
        }
        var changed = push
        changed.after = Push.id(9)
        #expect(PushKey(changed, webapp: webapp).hash != key.hash)
        #expect(PushKey(push, webapp: try WebappName("cart")).hash != key.hash)
    }

    @Test("the build of an earlier delivery is found, also when another hook told of the push at another time")
    func findsOwn() throws {
        let own = try build("v1.0.1", key: "\(PushKey(push, webapp: webapp))")
        #expect(push.standing(of: webapp, among: [own], newest: nil) == .started(own))
        var later = push
        later.pushedAt = Self.noon + 2
        #expect(later.standing(of: webapp, among: [own], newest: nil) == .started(own))
        var held = own
        held.isHeldBack = true
        #expect(push.standing(of: webapp, among: [held], newest: nil) == .current, "it may still be given up")
    }

    @Test("a push is out of date once a later one has a build of the same webapp")
    func laterBuild() throws {
        func standing(_ key: String?, of name: String = "shop") throws -> PushStanding {
            push.standing(of: webapp, among: [try build("v1.0.1", key: key, of: name)], newest: nil)
        }
        let outdated = try standing(try key(at: Self.noon + 1))
        guard case .outdated(let reason) = outdated else {
            Issue.record("\(outdated)")
            return
        }
        #expect(reason.contains("v1.0.1") && reason.contains("build-shop-v1-0-1"))
        #expect(try standing(try key(at: Self.noon)) == .current)
        #expect(try standing(try key(at: Self.noon - 1)) == .current)
        #expect(try standing(try key(at: nil)) == .current)
        #expect(try standing(nil) == .current && standing("a-callers-own") == .current)
        #expect(try standing(try key(at: Self.noon + 1, of: "cart"), of: "cart") == .current)
        var timeless = push
        timeless.pushedAt = nil
        let newer = try build("v1.0.1", key: try key(at: Self.noon + 1))
        #expect(timeless.standing(of: webapp, among: [newer], newest: nil) == .current)
    }

    @Test("a push is out of date once the newest version was made after it, unless that comes from before the push")
    func laterVersion() throws {
        func isOutdated(_ newest: PublishedVersion, _ push: Push, builds: [Build] = []) -> Bool {
            if case .outdated = push.standing(of: webapp, among: builds, newest: newest) { true } else { false }
        }
        #expect(isOutdated(try newest(Push.id(99), Self.noon + 60), push))
        #expect(isOutdated(try newest(nil, Self.noon + 60), push))
        #expect(!isOutdated(try newest(Push.id(99), Self.noon), push))
        #expect(!isOutdated(try newest(Push.id(99), Self.noon - 60), push))
        #expect(!isOutdated(try newest(Push.id(99), nil), push))
        #expect(isOutdated(try newest(push.after, nil), push), "the commit itself was built")
        #expect(isOutdated(try newest(push.after, Self.noon - 60), push))
        // The version before was still to be built when the push came.
        #expect(!isOutdated(try newest(push.before, Self.noon + 60), push))
        let earlier = try build("v1.2.3", key: try key(at: Self.noon - 5))
        #expect(!isOutdated(try newest(Push.id(99), Self.noon + 60), push, builds: [earlier]))
        // Where commits were taken away, what was there before is no ancestor.
        var forced = push
        forced.isForced = true
        #expect(isOutdated(try newest(push.before, Self.noon + 60), forced))
        var timeless = push
        timeless.pushedAt = nil
        #expect(!isOutdated(try newest(Push.id(99), Self.noon + 60), timeless))
        #expect(isOutdated(try newest(push.after, nil), timeless))
    }

    @Test("the build of a later push is above those of earlier ones, or these go, or it is made again")
    func placement() throws {
        func placement(_ builds: Build..., above floor: VersionTag? = nil) -> PushPlacement {
            push.placement(of: webapp, among: builds, above: floor)
        }
        func with(_ build: Build, _ status: Build.Status, _ phase: Build.Phase? = nil) -> Build {
            var build = build
            (build.status, build.phase) = (status, phase)
            return build
        }
        let own = try build("v1.0.2", key: "\(PushKey(push, webapp: webapp))")
        let later = try build("v1.0.1", key: try key(at: Self.noon + 1))
        let latest = try build("v1.0.3", key: try key(at: Self.noon + 1))
        let lower = try build("v1.0.1", key: try key(at: Self.noon - 1))
        let higher = try build("v1.1.0", key: try key(at: Self.noon - 1))
        let same = try build("v1.1.0", key: try key(at: Self.noon))
        let foreign = try build("v1.0.1", key: try key(at: Self.noon + 1, of: "cart"), of: "cart")
        let stays = PushPlacement.placed(own, cancelling: [])
        #expect(placement(own, lower, latest, foreign, same) == stays)
        #expect(placement() == .unknown && placement(lower) == .unknown)
        #expect(placement(own, later) == .overtaken(later, cancelling: [own]))
        #expect(placement(with(own, .cancelled), later) == .overtaken(later, cancelling: []))
        #expect(placement(own, with(later, .cancelled)) == stays)
        #expect(placement(own, later, latest) == stays, "the newest version is that of a later push")
        #expect(placement(own, higher) == .placed(own, cancelling: [higher]))
        #expect(placement(own, with(higher, .running, .building)).isPlaced)
        #expect(placement(own, with(higher, .cancelled)) == stays)
        for status in [Build.Status.succeeded, .failed] {
            #expect(placement(own, with(higher, status)) == .below(higher.version))
        }
        #expect(placement(own, with(higher, .running, .pushing)) == .below(higher.version))
        #expect(placement(own, above: higher.version) == .below(higher.version))
        #expect(placement(own, with(higher, .succeeded), later).isOvertaken, "which sees to its own place")
        // A version that was cancelled by hand stays so.
        #expect(placement(with(own, .cancelled), with(lower, .succeeded)) == .unknown)
        // Told by two hooks at two times.
        var second = push
        second.pushedAt = Self.noon + 1
        let twin = try build("v1.0.3", key: "\(PushKey(second, webapp: webapp))")
        #expect(placement(twin, own) == .placed(own, cancelling: [twin]))
        #expect(second.placement(of: webapp, among: [own, twin], above: nil) == .placed(own, cancelling: [twin]))
        var held = own
        held.isHeldBack = true
        #expect(placement(held, twin) == .undecided)
        #expect(second.standing(of: webapp, among: [held], newest: nil) == .current)
        let again = try build("v1.1.1", key: "\(PushKey(push, webapp: webapp, above: higher.version))")
        #expect(placement(own, with(higher, .succeeded), again) == .placed(again, cancelling: [own]))
    }

    static let pushes: [(change: @Sendable (inout Push) -> Void, url: String?, branch: String, reason: String?)] = [
        ({ _ in }, nil, "main", nil),
        ({ _ in }, "https://github.com/example/webapps.git", "main", nil),
        ({ _ in }, "https://user:password@GitHub.com/Example/Webapps", "refs/heads/main", nil),
        ({ _ in }, "git@github.com:example/webapps.git", "main", nil),
        ({ _ in }, "ssh://git@github.com/example/webapps.git", "main", nil),
        ({ _ in }, "https://mirror.example/other.git", "main", nil),
        ({ _ in }, "/srv/git/webapps", "main", nil),
        ({ _ in }, "https://github.com/example/other.git", "main", "another repository"),
        ({ _ in }, "git@github.com:example/other.git", "main", "another repository"),
        ({ $0.ref = "refs/heads/test" }, nil, "main", "\"refs/heads/test\" is not built, only refs/heads/main"),
        ({ $0.ref = "refs/heads/main/x" }, nil, "main", "is not built"),
        ({ $0.ref = "main" }, nil, "main", "is not built"),
        ({ _ in }, nil, "production", "only refs/heads/production"),
        ({ $0.ref = "refs/tags/v1" }, nil, "main", "is a tag"),
        ({ $0.ref = "refs/tags/main" }, nil, "main", "is a tag"),
        ({ $0.isDeleted = true }, nil, "main", "was deleted"),
        ({ $0.after = String(repeating: "0", count: 40) }, nil, "main", "was deleted"),
        (
            { $0 = .of([], isForced: true, head: .of("fix: x", ["shop/x"])) }, nil, "main",
            "brought no commit"
        ),
        ({ $0 = .of([], head: .of("fix: x", ["shop/x"])) }, nil, "main", "brought no commit"),
        ({ $0 = .of([.of("fix: x", ["shop/x"])], isForced: true) }, nil, "main", nil),
    ]

    @Test("only pushes to the branch of the repository are built", arguments: pushes.indices)
    func buildsOneBranch(_ index: Int) {
        let item = Self.pushes[index]
        var push = push
        item.change(&push)
        let reason = PushScope(GitDefaults(url: item.url, branch: item.branch)).reasonToIgnore(push)
        if let expected = item.reason {
            #expect(reason?.contains(expected) == true, "\(reason ?? "-")")
        } else {
            #expect(reason == nil)
        }
    }
}

extension PushPlacement {
    fileprivate var isPlaced: Bool { if case .placed = self { true } else { false } }
    fileprivate var isOvertaken: Bool { if case .overtaken = self { true } else { false } }
}
