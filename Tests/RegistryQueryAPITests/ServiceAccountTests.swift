import Builds
import FoundationEssentials
import HTTPTypes
import KubernetesClient
import Logging
import Synchronization
import Testing

@testable import RegistryQueryAPI

struct ServiceAccountTests {
    // MARK: Settings

    @Test(
        "a bad entry is refused by name",
        arguments: [
            ("automation/n8n", "automation/n8n", "form"), ("n8n:read", "n8n:read", "form"),
            ("a/b:read automation/n8n:read:build", "automation/n8n:read:build", "form"),
            ("a/b/c:read", "a/b/c:read", "form"), ("/n8n:read", "/n8n:read", "namespace"),
            ("Automation/n8n:read", "Automation/n8n:read", "namespace"),
            ("auto.mation/n8n:read", "auto.mation/n8n:read", "namespace"), ("a/-n:read", "a/-n:read", "name"),
            ("a/n.:read", "a/n.:read", "name"), ("a/:read", "a/:read", "name"), ("a/*:read", "a/*:read", "name"),
            ("a/b:", "a/b:", "scopes"), ("a/b:write", "a/b:write", "scopes"), ("a/b:read,", "a/b:read,", "scopes"),
            ("a/b:read, a/c:read", "a/b:read,", "scopes"), ("a/b:read a/b:build", "a/b:build", "earlier entry"),
            ("", "", "no account"), (" \n", "", "no account"),
        ])
    func refusesEntries(text: String, entry: String, reason: String) throws {
        let reviewer = Reviewer { _ in Reviewer.nobody }
        let error = #expect(throws: InvalidInput.self) { try reviewer.accounts(text) }
        #expect(error?.field == "API_SERVICE_ACCOUNTS")
        #expect(error?.reason.contains(reason) == true, "\(error?.reason ?? "")")
        if !entry.isEmpty { #expect(error?.reason.hasPrefix("the entry \"\(entry)\": ") == true) }
    }

    @Test(
        "an audience that is nobody's, or the API server's own, is refused",
        arguments: ["", "registry query", "https://kubernetes.default.svc.cluster.local", "kubernetes.default.svc"])
    func refusesAudiences(audience: String) {
        let error = #expect(throws: InvalidInput.self) {
            try RegistryQueryAPI.ServiceAccounts(
                "a/b:read", audience: audience, logger: Logger(label: "test") { _ in LogCollector() }
            ) { _, _ in Reviewer.nobody }
        }
        #expect(error?.field == "API_TOKEN_AUDIENCE")
    }

    // MARK: Tokens

    @Test("what is no JSON Web Token is never sent")
    func looksBefore() async throws {
        let reviewer = Reviewer { _ in Reviewer.n8n }
        let accounts = try reviewer.accounts()
        let longest = "eyJh." + String(repeating: "a", count: 8192 - 8) + ".aa"
        for other in [
            "", "viewer-0123456789abcdef", "eyJhbGciOiJSUzI1NiJ9", "eyJh.eyJh", "eyJh.eyJh.", "eyJh..eyJh",
            ".eyJh.eyJh",
            "eyJh.eyJh.eyJh.eyJh", "eyJh.eyJh.ey Jh", "eyJh.eyJh.eyJ=", "eyJh.eyJh.ey+h", "eyJh.eyJh.eyJhb",
            "abcd.eyJh.eyJh", "eyJh.eyJh.eyé", "eyJh.eyJh.eyJh\u{0}", longest + "a",
        ] {
            #expect(try await accounts.caller(presenting: other[...]) == nil, "\(other)")
        }
        #expect(reviewer.asked.isEmpty)
        for token in [webToken(), "eyJh.eyJh.eyJh", longest] {
            #expect(try await accounts.caller(presenting: token[...]) != nil, "\(token)")
        }
        #expect(reviewer.asked == [webToken(), "eyJh.eyJh.eyJh", longest])
        #expect(reviewer.audiences == [["registry-query"]])
    }

    static let reviews: [(review: TokenReview, caller: Caller?)] = [
        (Reviewer.n8n, Caller(name: "automation/n8n", scopes: [.read, .build])),
        (user("system:serviceaccount:automation:viewer"), Caller(name: "automation/viewer", scopes: [.read])),
        // Somebody, who may do nothing.
        (user("system:serviceaccount:automation:other"), Caller(name: "automation/other", scopes: [])),
        (user("system:serviceaccount:other:n8n"), Caller(name: "other/n8n", scopes: [])),
        (user("system:serviceaccount:automation:n8n", for: ["x", "registry-query"]), n8n),
        // Authenticated, and not for this service: an API server that does not look at audiences says that.
        (user("system:serviceaccount:automation:n8n", for: []), nil),
        (user("system:serviceaccount:automation:n8n", for: ["https://kubernetes.default.svc.cluster.local"]), nil),
        (TokenReview(isAuthenticated: false, username: n8nUser, audiences: ["registry-query"]), nil),
        (TokenReview(isAuthenticated: true, audiences: ["registry-query"]), nil), (Reviewer.nobody, nil),
        // No service accounts.
        (user("jane"), nil), (user("automation:n8n"), nil), (user("system:node:automation:n8n"), nil),
        (user("system:serviceaccount:automation:n8n:x"), nil), (user("system:serviceaccount:automation/n8n"), nil),
        (user("system:serviceaccount::n8n"), nil), (user("system:serviceaccount:a/b:n8n"), nil),
        (user("x:system:serviceaccount:automation:n8n"), nil),
    ]

    private static let n8nUser = "system:serviceaccount:automation:n8n"
    private static let n8n = Caller(name: "automation/n8n", scopes: [.read, .build])

    private static func user(_ name: String, for audiences: [String] = ["registry-query"]) -> TokenReview {
        TokenReview(isAuthenticated: true, username: name, audiences: audiences)
    }

    @Test("who is authenticated, a service account, and for this service is a caller", arguments: 0..<reviews.count)
    func reads(_ index: Int) async throws {
        let (review, expected) = Self.reviews[index]
        let accounts = try Reviewer { _ in review }.accounts()
        #expect(try await accounts.caller(presenting: webToken()[...]) == expected)
    }

    @Test(
        "what a real API server answered",
        arguments: [
            ("authenticated", ["build-system/buildkit-sa"]), ("default-audience", []), ("invalid", []),
            ("wrong-audience", []),
        ])
    func readsRecordings(name: String, callers: [String]) async throws {
        struct Recording: Decodable {
            struct Response: Decodable {
                var body: TokenReview
            }

            var response: Response
        }
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "../KubernetesClientTests/Fixtures/tokenreview-\(name).json")
        let review = try JSONDecoder().decode(Recording.self, from: try Data(contentsOf: file)).response.body
        let accounts = try Reviewer { _ in review }
            .accounts("build-system/buildkit-sa:read build-system/registry-query:read")
        let caller = try await accounts.caller(presenting: webToken()[...])
        #expect([caller?.name].compactMap(\.self) == callers)
    }

    // MARK: How often is asked

    @Test("a good answer counts for 60 s, a bad one for 10 s, and none at all not")
    func keepsAnswers() async throws {
        let clock = StillClock()
        let reviewer = Reviewer { token in token == webToken(1) ? Reviewer.n8n : Reviewer.nobody }
        let accounts = try reviewer.accounts(clock: clock)
        let ask: @Sendable (Int) async throws -> String? = { number in
            try await accounts.caller(presenting: webToken(number)[...])?.name
        }
        for (milliseconds, reviews) in [(0, 2), (9_999, 2), (1, 3), (9_999, 3), (1, 4), (39_999, 5), (1, 6)] {
            clock.advance(by: .milliseconds(milliseconds))
            #expect(try await ask(1) == "automation/n8n")
            #expect(try await ask(2) == nil)
            #expect(reviewer.asked.count == reviews, "after \(clock.now.offset)")
        }
        struct Down: Error {}
        reviewer.set { _ in throw Down() }
        #expect(try await ask(1) == "automation/n8n", "still known")
        for _ in 0..<2 { await #expect(throws: Problem.self) { try await ask(3) } }
        #expect(reviewer.asked.count == 8)
        reviewer.set { _ in Reviewer.n8n }
        #expect(try await ask(3) == "automation/n8n")
    }

    @Test("one review serves all who ask about a token meanwhile, also one that fails")
    func sharesReviews() async throws {
        for fails in [false, true] {
            struct Down: Error {}
            let gate = Gate()
            let reviewer = Reviewer(gate: gate) { _ in if fails { throw Down() } else { Reviewer.n8n } }
            let accounts = try reviewer.accounts()
            await withTaskGroup(of: String.self) { group in
                for _ in 0..<20 {
                    group.addTask {
                        do {
                            return try await accounts.caller(presenting: webToken()[...])?.name ?? "nobody"
                        } catch {
                            return (error as? Problem)?.code.rawValue ?? "\(error)"
                        }
                    }
                }
                while gate.count == 0 { await Task.yield() }
                for _ in 0..<200 { await Task.yield() }
                gate.open()
                for await outcome in group {
                    #expect(outcome == (fails ? "cluster_unavailable" : "automation/n8n"))
                }
            }
            // Whoever came only after it had failed asked anew.
            #expect(fails ? reviewer.asked.count < 20 : reviewer.asked.count == 1, "\(reviewer.asked.count)")
        }
    }

    /// How many were turned away.
    private final class Refusals: Sendable {
        let count = Mutex(0)
    }

    @Test("eight reviews at a time, 64 wait, more are refused; all who waited are answered")
    func boundsReviews() async throws {
        let gate = Gate()
        let reviewer = Reviewer(gate: gate) { _ in Reviewer.n8n }
        let accounts = try reviewer.accounts()
        let most = ReviewedTokens.mostReviews + ReviewedTokens.mostWaiting
        let refused = Refusals()
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<most + 5 {
                group.addTask {
                    do {
                        return try await accounts.caller(presenting: webToken(number)[...]) != nil
                    } catch let problem as Problem {
                        #expect(problem.code == .clusterUnavailable && problem.headers[.retryAfter] == "1")
                        refused.count.withLock { $0 += 1 }
                        return false
                    }
                }
            }
            // Whoever comes only after a place is free is not refused.
            try await eventually("all that are too many are refused, all places taken") {
                refused.count.withLock { $0 } == 5 && gate.count == ReviewedTokens.mostReviews
            }
            #expect(reviewer.asked.count == ReviewedTokens.mostReviews)
            gate.open()
            var answered = 0
            for try await isAnswered in group where isAnswered { answered += 1 }
            #expect(answered == most && reviewer.asked.count == most)
        }
    }

    /// Answers that are kept, of reviews that take as long as they take.
    private func tokens(
        _ clock: StillClock, within limit: Duration = .seconds(600),
        review: @escaping @Sendable (_ token: String) async throws -> Caller?
    ) -> ReviewedTokens {
        ReviewedTokens(
            within: limit, logger: Logger(label: "test") { _ in LogCollector() }, clock: clock, review: review)
    }

    @Test("a token that was good is reviewed again before all made-up ones, however many those are")
    func knownGoFirst() async throws {
        let (clock, gate) = (StillClock(), Gate())
        let reviewer = Reviewer { token in token == webToken(1) ? Reviewer.n8n : Reviewer.nobody }
        let reviewed = tokens(clock) { token in
            let review = try await reviewer.review(token, [])
            if !token.contains(webToken(1)) { await gate.wait() }
            return review.username.map { Caller(name: $0, scopes: []) }
        }
        #expect(try await reviewed.caller(presenting: webToken(1)) != nil)
        clock.advance(by: .seconds(60))
        let most = ReviewedTokens.mostReviews + ReviewedTokens.mostWaiting
        await withTaskGroup(of: Void.self) { group in
            for number in 2..<2 + most {
                group.addTask { _ = try? await reviewed.caller(presenting: webToken(number)) }
            }
            try? await eventually("the line is full") {
                await reviewed.waitingCount == ReviewedTokens.mostWaiting
            }
            await #expect(throws: ReviewedTokens.Busy.self) { try await reviewed.caller(presenting: webToken(0)) }
            group.addTask { #expect((try? await reviewed.caller(presenting: webToken(1))) != nil) }
            try? await eventually("it waits, too") { await reviewed.waitingCount == ReviewedTokens.mostWaiting + 1 }
            gate.open()
        }
        let place = try #require(reviewer.asked.lastIndex(of: webToken(1)))
        // Those that were running end at once, and with it as many others may begin.
        let running = ReviewedTokens.mostReviews
        #expect((1 + running..<1 + 2 * running).contains(place), "behind those that were running already")
    }

    @Test("nobody is asked about a token that is not known to be good where a wrong one would be refused")
    func asksNobody() async throws {
        struct Refused: Error {}
        let clock = StillClock()
        let reviewer = Reviewer { token in token == webToken(1) ? Reviewer.n8n : Reviewer.nobody }
        let reviewed = tokens(clock) { token in
            try await reviewer.review(token, []).username.map { Caller(name: $0, scopes: []) }
        }
        for number in 1...2 { _ = try await reviewed.caller(presenting: webToken(number)) }
        #expect(try await reviewed.caller(presenting: webToken(2), admit: { throw Refused() }) == nil, "still known")
        clock.advance(by: .seconds(60))
        #expect(try await reviewed.caller(presenting: webToken(1), admit: { throw Refused() }) != nil)
        for number in 2...3 {
            await #expect(throws: Refused.self) {
                try await reviewed.caller(presenting: webToken(number), admit: { throw Refused() })
            }
        }
        #expect(reviewer.asked == [webToken(1), webToken(2), webToken(1)])
    }

    @Test("a review that hangs is given up, and its place is free again")
    func givesUp() async throws {
        let reviewer = Reviewer { _ in Reviewer.nobody }
        let reviewed = tokens(StillClock(), within: .milliseconds(50)) { token in
            _ = try await reviewer.review(token, [])
            try await Task.sleep(for: .seconds(600))
            return nil
        }
        // Whose time is over before its turn asks nobody: there may have to be more than two rounds.
        try await eventually("each place was given twice") {
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<ReviewedTokens.mostReviews {
                    group.addTask {
                        await #expect(throws: DeadlineExceeded.self) {
                            try await reviewed.caller(presenting: webToken(number))
                        }
                    }
                }
            }
            try await eventually("all places are free") { await reviewed.freeCount == ReviewedTokens.mostReviews }
            return reviewer.asked.count >= 2 * ReviewedTokens.mostReviews
        }
    }

    @Test("not more than 1,024 answers are kept, and made-up tokens do not drive out good ones")
    func boundsAnswers() async throws {
        let asked = Mutex(0)
        let clock = StillClock()
        let reviewed = tokens(clock) { token in
            asked.withLock { $0 += 1 }
            return token.hasPrefix("good") ? Caller(name: "automation/n8n", scopes: []) : nil
        }
        for number in 0..<5 { _ = try await reviewed.caller(presenting: "good \(number)") }
        // The bad ones count for longer from now on.
        clock.advance(by: .seconds(55))
        for number in 0..<1500 { _ = try await reviewed.caller(presenting: "bad \(number)") }
        #expect(await reviewed.count == ReviewedTokens.mostAnswers)
        for number in 0..<5 { #expect(try await reviewed.caller(presenting: "good \(number)") != nil) }
        #expect(asked.withLock { $0 } == 1505)
        // Nor those that have to be reviewed again.
        clock.advance(by: .seconds(5))
        for number in 1500..<3000 { _ = try await reviewed.caller(presenting: "bad \(number)") }
        for number in 0..<5 {
            #expect(
                try await reviewed.caller(presenting: "good \(number)", admit: { throw CancellationError() }) != nil)
        }
        #expect(asked.withLock { $0 } == 3010)
        for number in 0..<1500 { _ = try await reviewed.caller(presenting: "good \(number)") }
        #expect(await reviewed.count == ReviewedTokens.mostAnswers)
    }

    // MARK: Failures

    @Test("a failure is told without what the cluster said, and logged once with it, without the token")
    func reports() async throws {
        struct Down: Error, CustomStringConvertible {
            var description: String { "10.0.0.1:6443 refused \(webToken(1))" }
        }
        let log = LogCollector()
        let reviewer = Reviewer { _ in throw Down() }
        let accounts = try reviewer.accounts(log: log)
        for number in 0..<3 {
            let problem = await #expect(throws: Problem.self) {
                try await accounts.caller(presenting: webToken(number)[...])
            }
            #expect(problem?.code == .clusterUnavailable && problem?.headers[.retryAfter] == "1")
            #expect(problem?.detail.contains("6443") == false)
        }
        let warnings = log.entries.filter { $0.level == .warning }
        #expect(warnings.count == 1 && warnings[0].metadata["error"]?.contains("10.0.0.1:6443 refused") == true)
        for part in webToken(1).split(separator: ".") { #expect(!log.text.contains(part)) }
    }
}
