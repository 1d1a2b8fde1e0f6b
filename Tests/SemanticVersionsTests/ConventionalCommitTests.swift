import SemanticVersions
import Testing

@Suite struct ConventionalCommitTests {
    // The examples of the specification, then what its items say at the edges.
    @Test(arguments: [
        (
            "feat: allow provided config object to extend other configs\n\nBREAKING CHANGE: `extends` is now used for others",
            Bump.major
        ),
        ("refactor!: drop support for Node 6", .major),
        ("refactor(runtime)!: drop support for Node 6", .major),
        (
            "refactor!: drop support for Node 6\n\nBREAKING CHANGE: refactor to use features not available in Node 6.",
            .major
        ),
        ("feat(lang): add polish language", .minor),
        (
            "fix: correct minor typos in code\n\nsee the issue for details\n\non typos fixed.\n\nReviewed-by: Z\nRefs #133",
            .patch
        ),
        ("feat: x", .minor),
        ("fix: x", .patch),
        ("FEAT: x", .minor),
        ("Fix(Parser): x", .patch),
        ("chore!: x", .major),
        ("revert!: x", .major),
        ("feat:  two spaces", .minor),
        ("\n\nfeat: after empty lines", .minor),
        // Footers.
        ("chore: x\n\nBREAKING CHANGE: y", .major),
        ("chore: x\n\nBREAKING-CHANGE: y", .major),
        ("chore: x\r\n\r\nbody\r\n\r\nBREAKING CHANGE: y\r\n", .major),
        ("chore: x\n\nbody\n\nReviewed-by: Z\nBREAKING CHANGE: y", .major),
        ("chore: x\n\nbody\n\nReviewed-by: Z\n\nBREAKING CHANGE: y\n\nRefs #1", .major),
        ("chore: x\n\nBREAKING CHANGE: y\ncontinued here\nand here", .major),
        ("chore: x\n\nBREAKING CHANGE: y\n\nThe value goes on in a paragraph of its own.\n\nRefs #1", .major),
        ("chore: x\n \t\nBREAKING CHANGE: y", .major),
        ("feat: x\n\nReviewed-by: Z", .minor),
    ])
    func `a commit asks for the release its type and footers say`(message: String, bump: Bump) throws {
        #expect(ConventionalCommit(message)?.bump == bump)
        #expect(try ConventionalCommit.bump(for: [message]) == bump)
    }

    @Test(arguments: [
        "docs: correct spelling of CHANGELOG", "perf: x", "revert: let us never speak of it\n\nRefs: 676104e, a215868",
        "chore(release): 1.2.3", "feature: x", "fixes: x",
    ])
    func `a type other than feat and fix asks for no release`(message: String) throws {
        let commit = try #require(ConventionalCommit(message))
        #expect(commit.bump == nil)
        #expect(try ConventionalCommit.bump(for: [message]) == nil)
    }

    @Test(arguments: [
        "", "\n\n", "free text", "Merge branch 'feat: x' into main", "Merge pull request #1 from a/b\n\nfeat: x",
        "Merge remote-tracking branch 'origin/main'\n\nBREAKING CHANGE: y",
        "Revert \"feat: x\"\n\nThis reverts commit 1.",
        "Revert \"feat!: x\"", "feat:x", "feat : x", "feat:", "feat: ", "feat:  ", ": x", "!: x", "(scope): x",
        "feat(): x",
        "feat( ): x", "feat(a: x", "feat(a)b: x", "feat(a)(b): x", "feat((a)): x", "feat!(a): x", "feat!!: x",
        "feat !: x",
        "feat new: x", "fixup! feat: x", "https://example.org/: x", "feat\n: x", "body\n\nfeat: x",
        "BREAKING CHANGE: y", "x\n\nBREAKING CHANGE: y",
    ])
    func `a message that does not follow the specification asks for none`(message: String) throws {
        #expect(ConventionalCommit(message) == nil)
        #expect(try ConventionalCommit.bump(for: [message]) == nil)
    }

    @Test(arguments: [
        "fix: BREAKING CHANGE: in the subject",
        "fix: x\nBREAKING CHANGE: no blank line before it",
        "fix: x\n\nSome text\nBREAKING CHANGE: in the middle of a paragraph",
        "fix: x\n\nThis is a BREAKING CHANGE: or so it says\n\nmore text",
        "fix: x\n\n BREAKING CHANGE: indented",
        "fix: x\n\nbreaking change: lower case",
        "fix: x\n\nBreaking-Change: not upper case",
        "fix: x\n\nBREAKING CHANGE:no space",
        "fix: x\n\nBREAKING CHANGE: ",
        "fix: x\n\nBREAKING CHANGE",
        "fix: x\n\nBREAKING CHANGE #1",
        "fix: x\n\nBREAKING-CHANGE #1",
        "fix: x\n\nBREAKING CHANGES: plural",
        "fix: x\n\nBREAKING_CHANGE: y",
        "fix: x\n\nNO BREAKING CHANGE: y",
    ])
    func `a breaking change is announced in the right place and form only`(message: String) {
        #expect(ConventionalCommit(message)?.bump == .patch)
    }

    @Test func `the parts of a commit are what was written`() throws {
        let message =
            "Feat(api v2)!: add: a thing \r\n\r\nfirst\r\n\r\nsecond: paragraph is text\r\n\r\nReviewed-by: Z\r\nRefs #133\r\n"
            + "BREAKING CHANGE: this\r\n  goes on\r\n\r\nand on\r\n"
        let commit = try #require(ConventionalCommit(message.replacing("second:", with: "a second:")))
        #expect(commit.type == "feat")
        #expect(commit.scope == "api v2")
        #expect(commit.summary == "add: a thing")
        #expect(commit.body == "first\n\na second: paragraph is text")
        #expect(commit.footers.map(\.token) == ["Reviewed-by", "Refs", "BREAKING CHANGE"])
        #expect(commit.footers.map(\.value) == ["Z", "133", "this\n  goes on\n\nand on"])
        #expect(commit.footers.map(\.isBreakingChange) == [false, false, true])
        #expect(commit.isBreaking)

        let plain = try #require(ConventionalCommit("fix: x"))
        #expect(plain.scope == nil)
        #expect(plain.body.isEmpty)
        #expect(plain.footers.isEmpty)
        #expect(!plain.isBreaking)
    }

    @Test(
        arguments: [
            ([], nil), (["docs: x", "Merge branch 'a'"], nil), (["fix: x", "docs: y"], .patch),
            (["fix: x", "feat: y", "fix: z"], .minor),
            (["feat: x", "chore!: y", "fix: z"], .major),
        ] as [([String], Bump?)])
    func `the heaviest release wins, in any order`(messages: [String], bump: Bump?) throws {
        #expect(try ConventionalCommit.bump(for: messages) == bump)
        #expect(try ConventionalCommit.bump(for: messages.reversed()) == bump)
    }

    @Test func `too much is refused rather than looked at in part`() throws {
        let count = ConventionalCommit.maximumMessageCount
        #expect(try ConventionalCommit.bump(for: Array(repeating: "fix: x", count: count)) == .patch)
        #expect(throws: ConventionalCommitError.self) {
            try ConventionalCommit.bump(for: Array(repeating: "fix: x", count: count + 1))
        }
        let length = ConventionalCommit.maximumTotalLength
        let long = "fix: x\n\n" + String(repeating: "y", count: length - 8)
        #expect(try ConventionalCommit.bump(for: [long]) == .patch)
        #expect(throws: ConventionalCommitError.self) { try ConventionalCommit.bump(for: [long, "!"]) }
    }

    @Test func `bumps are ordered by weight`() {
        #expect(Bump.allCases.sorted() == [.prerelease, .patch, .minor, .major])
        #expect(Bump(rawValue: "auto") == nil)
    }
}
