import SemanticVersions
import Testing

@testable import Builds

extension Push {
    /// A push of some commits to the branch main, the last of which it points to then.
    static func of(
        _ commits: [Commit], pushedAt: Int? = 1_795_377_001, before: String = id(0), after: String? = nil,
        isForced: Bool = false, head: Commit? = nil
    ) -> Push {
        Push(
            repository: "example/webapps", ref: "refs/heads/main", before: before,
            after: after ?? commits.last?.id ?? head?.id ?? id(1), pushedAt: pushedAt, isForced: isForced,
            cloneURL: "https://github.com/example/webapps.git", commits: commits, head: head)
    }

    /// A commit id that a number stands for.
    static func id(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "a", count: 40 - digits.count) + digits
    }
}

extension Push.Commit {
    /// `+path` is added, `-path` removed, any other path modified.
    static func of(_ message: String, _ files: [String], id: Int = 1) -> Push.Commit {
        Push.Commit(
            id: Push.id(id), message: message,
            added: files.filter { $0.hasPrefix("+") }.map { String($0.dropFirst()) },
            modified: files.filter { !$0.hasPrefix("+") && !$0.hasPrefix("-") },
            removed: files.filter { $0.hasPrefix("-") }.map { String($0.dropFirst()) })
    }
}

struct PushPlanTests {
    /// What a push of one commit `fix: x` leads to: `folder=webapp` for a build, with `?` where the registry has to prove
    /// it, and `folder!reason` for what is skipped.
    struct Case: Sendable, CustomTestStringConvertible {
        var paths: String
        var files: [String]
        var expected: [String]

        init(_ paths: String, _ files: [String], _ expected: [String]) {
            self.paths = paths
            self.files = files
            self.expected = expected
        }

        var testDescription: String { "\(paths): \(files)" }
    }

    static let cases: [Case] = [
        // `*`: every top-level folder that turns out to be a webapp.
        Case("*", ["shop/index.html"], ["shop=shop?"]),
        Case("*", ["shop/a/b/c.txt", "shop/x"], ["shop=shop?"]),
        Case("*", ["README.md"], []),
        Case("*", ["shop/x", "cart/x"], ["cart=cart?", "shop=shop?"]),
        Case("*", [".github/workflows/x.yml", "_example/x", "Shop/x", "a.b/x"], []),
        Case("*", ["+shop/Dockerfile"], ["shop=shop"]),
        Case("*", ["shop/Dockerfile"], ["shop=shop"]),
        Case("*", ["shop/sub/Dockerfile"], ["shop=shop?"]),
        Case("*", ["-shop/Dockerfile", "-shop/x"], ["shop!its Dockerfile was removed"]),
        // Patterns that name something are believed.
        Case("app-*", ["app-a/x", "app-/x", "other/x", "my-app-b/x"], ["app-!not a DNS label", "app-a=app-a"]),
        Case("apps/*", ["apps/shop/x", "apps/README.md", "shop/x"], ["apps/shop=shop"]),
        Case(
            "apps/*", ["apps/_example/x", "apps/Shop/x"],
            ["apps/Shop!not a DNS label", "apps/_example!not a DNS label"]),
        Case("apps/*", ["-apps/shop/Dockerfile"], ["apps/shop!its Dockerfile was removed"]),
        Case("shop", ["shop/x", "shopping/x", "a/shop/x"], ["shop=shop"]),
        Case("shop, apps/*/web", ["shop/x", "apps/a/web/x", "apps/a/api/x"], ["apps/a/web=web", "shop=shop"]),
        Case(
            "*-web-*", ["a-web-b/x", "web/x", "a-web-/x", "a-web-web-c/x"],
            ["a-web-!not a DNS label", "a-web-b=a-web-b", "a-web-web-c=a-web-web-c"]),
        Case("*/*", ["a/shop/x", "a/x"], ["a/shop=shop?"]),
        // The first pattern that matches a file has it.
        Case("apps, apps/*", ["apps/shop/x"], ["apps=apps"]),
        Case("apps/*, apps", ["apps/shop/x", "apps/x"], ["apps=apps", "apps/shop=shop"]),
        // What is named comes before what is not.
        Case("*,apps/*", ["apps/shop/x", "cart/x", "apps/x"], ["apps/shop=shop", "apps=apps?", "cart=cart?"]),
        Case("*/*,*,shop", ["shop/x/y", "cart/x/y"], ["shop=shop", "cart/x=x?"]),
        Case("*,apps/*", ["shop/x", "apps/shop/x"], ["apps/shop=shop", "shop!apps/shop is the webapp shop"]),
        // Two folders of one name.
        Case("shop, apps/*", ["shop/x", "apps/shop/x"], ["apps/shop!shop is the webapp shop", "shop=shop"]),
        Case("apps/*, shop", ["shop/x", "apps/shop/x"], ["apps/shop=shop", "shop!apps/shop is the webapp shop"]),
        Case("*/*", ["b/shop/x", "a/shop/x"], ["a/shop=shop?", "b/shop!a/shop is the webapp shop"]),
        // A folder that moves leaves its name to the new one.
        Case(
            "shop, apps/*", ["-shop/Dockerfile", "+apps/shop/Dockerfile"],
            ["apps/shop=shop", "shop!its Dockerfile was removed"]),
        // Names of files are bytes.
        Case("*", ["shop/grüße/日本.txt", "größe/x", "shop/\u{301}x"], ["shop=shop?"]),
        Case("größe/*", ["größe/shop/x"], ["größe/shop=shop"]),
        Case("*", ["shop/\nx", "shop/ x", "shop/$(x)"], ["shop=shop?"]),
        Case("*/*", ["$x/shop/x"], ["$x/shop!contains '$'"]),
        // No repository has such paths.
        Case("*", ["../shop/x", "..", "shop/../../x", "/shop/x", "shop//x", "./shop/x", "shop/./x", "", "shop/"], []),
        Case("*/*", ["../shop/x", "a/../shop/x"], []),
        Case("apps/*", ["apps/../x", "apps/../../etc/x"], []),
    ]

    @Test("a push touches the webapps whose files it changes, and no others", arguments: cases)
    func touches(_ item: Case) throws {
        let plan = PushPlan(.of([.of("fix: x", item.files)]), paths: try WebappPaths(item.paths))
        let built = plan.candidates.map { "\($0.folder)=\($0.webapp)\($0.needsProof ? "?" : "")" }
        let skipped = plan.skipped.map { skipped in
            let reason = item.expected.first { $0.hasPrefix("\(skipped.folder)!") }?.split(separator: "!").last ?? "-"
            return skipped.reason.contains(reason)
                ? "\(skipped.folder)!\(reason)" : "\(skipped.folder)!\(skipped.reason)"
        }
        #expect((built + skipped).sorted() == item.expected.sorted())
        #expect(plan.candidates.allSatisfy { $0.bump == .patch })
    }

    @Test("each webapp gets the bump that the commits ask for which touched it, distinct or not")
    func bumps() throws {
        let push = Push.of([
            .of("feat: a list", ["shop/x", "cart/x"], id: 1), .of("fix!: other", ["-cart/y"], id: 2),
            .of("fix(api): no crash", ["+shop/z", "docs/x"], id: 3), .of("docs: x", ["blog/x"], id: 4),
            .of("free text", ["blog/y"], id: 5), .of("chore: x\n\nBREAKING CHANGE: y", ["api/x"], id: 6),
        ])
        let plan = PushPlan(push, paths: try WebappPaths("*"))
        #expect(
            plan.candidates.map { "\($0.webapp) \($0.bump)" } == [
                "api major", "cart major", "docs patch", "shop minor",
            ])
        #expect(plan.skipped.map(\.folder) == ["blog"])
        #expect(
            plan.skipped.allSatisfy { $0.reason.contains("asks for a release") && $0.webapp?.description == "blog" })
    }

    @Test("what the last commit did to a Dockerfile counts")
    func lastState() throws {
        let paths = try WebappPaths("*")
        let back = Push.of([.of("fix: a", ["-shop/Dockerfile"], id: 1), .of("fix: b", ["+shop/Dockerfile"], id: 2)])
        #expect(PushPlan(back, paths: paths).candidates.map(\.needsProof) == [false])
        let gone = Push.of([.of("fix: a", ["+shop/Dockerfile"], id: 1), .of("fix: b", ["-shop/Dockerfile"], id: 2)])
        #expect(PushPlan(gone, paths: paths).candidates.isEmpty)
        let next = Push.of([.of("fix: a", ["-shop/Dockerfile"], id: 1), .of("fix: b", ["shop/x"], id: 2)])
        #expect(PushPlan(next, paths: paths).candidates.isEmpty, "a later commit does not bring it back")
    }

    @Test("whoever tells of too little is found out")
    func gaps() {
        let one = Push.Commit.of("fix: x", ["shop/x"])
        #expect(Push.of([one]).gap == nil)
        #expect(Push.of([one], after: Push.id(9)).gap?.contains("not among the commits") == true)
        #expect(Push.of([], head: one).gap != nil)
        #expect(Push.of([], head: one).commits == [one], "the head is known all the same")
        #expect(Push.of([one], head: one).commits == [one], "and counts once")
        let many = (1...2048).map { Push.Commit.of("fix: x", ["shop/x"], id: $0) }
        #expect(Push.of(Array(many.dropLast())).gap == nil)
        #expect(Push.of(many).gap?.contains("2048") == true)
        var short = one
        short.filesAreComplete = false
        #expect(Push.of([short]).gap?.contains("all files") == true)
        #expect(!Push.of([], head: one).bringsCommits && Push.of([one], isForced: true).bringsCommits)
    }

    @Test(
        "patterns that cannot be meant are refused",
        arguments: [
            "", ",", "a,", "/a", "a/", "a//b", "..", "a/../b", "./a", "**", "a/**", "a\\b", "a\u{1}",
            Array(repeating: "a", count: 65).joined(separator: ","),
        ])
    func refuses(_ text: String) {
        #expect { try WebappPaths(text) } throws: { error in (error as? InvalidInput)?.field == "WEBAPP_PATHS" }
    }

    @Test("every file belongs to at most one build, and every webapp that is touched is built or skipped")
    func property() throws {
        var random = Random(state: 20_261_123)
        let segments = ["a", "b", "app-x", "app-y", "apps", ".github", "A", "é", "..", "Dockerfile", "x.txt"]
        let patterns = ["*", "app-*", "apps/*", "*/*", "a", "b", "a/b", "apps"]
        for _ in 0..<2000 {
            let paths = try WebappPaths(
                (0..<random.next(1...3)).map { _ in random.pick(patterns) }.joined(separator: ","))
            let commits = (0..<random.next(1...4)).map { number in
                Push.Commit.of(
                    random.pick(["fix: x", "feat: x", "docs: x", "x"]),
                    (0..<random.next(0...6)).map { _ in
                        random.pick(["", "+", "-"])
                            + (0..<random.next(1...4)).map { _ in random.pick(segments) }.joined(separator: "/")
                    }, id: number)
            }
            let push = Push.of(commits)
            let plan = PushPlan(push, paths: paths)
            let built = plan.candidates
            #expect(Set(built.map(\.webapp)).count == built.count, "a webapp twice in \(push)")
            let settled = built.map(\.folder) + plan.skipped.map(\.folder)
            #expect(Set(settled).count == settled.count, "a folder twice in \(push)")
            for file in commits.flatMap({ $0.added + $0.modified + $0.removed }) {
                let owners = built.filter {
                    file.hasPrefix("\($0.folder)/") && paths.folder(of: file)?.path == $0.folder
                }
                #expect(owners.count <= 1, "\(file) in \(push)")
                guard let folder = paths.folder(of: file) else { continue }
                let isWebapp = (try? WebappName(folder.name)) != nil
                #expect(
                    settled.contains(folder.path) == (isWebapp || folder.isNamed), "\(file) with \(paths) in \(push)")
            }
        }
    }

    /// A generator whose sequence its state fixes, so that a failing case can be run again.
    private struct Random {
        var state: UInt64

        mutating func next(_ range: ClosedRange<Int>) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return range.lowerBound + Int(state >> 33) % range.count
        }

        mutating func pick(_ values: [String]) -> String { values[next(0...values.count - 1)] }
    }
}
