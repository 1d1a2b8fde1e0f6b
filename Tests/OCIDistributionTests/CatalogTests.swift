import HTTPTransport
import HTTPTransportTesting
import HTTPTypes
import OCIDistribution
import Synchronization
import Testing

/// The catalog: paged like tags, and kept by many registries for administrators.
@Suite struct CatalogTests {
    private typealias Exchange = ScriptedTransport.Exchange
    private static let catalog = "https://r.io/v2/_catalog"

    private func repositories(
        _ exchanges: [Exchange], adjusting adjust: (inout RegistryClient.Configuration) -> Void = { _ in }
    ) async throws -> [String] {
        let transport = ScriptedTransport(exchanges)
        let fixture = try Fixture(transport, adjusting: adjust)
        let outcome: Result<[String], any Error>
        do {
            outcome = .success(try await fixture.client.repositories().map(\.name))
        } catch {
            outcome = .failure(error)
        }
        try transport.verify()
        return try outcome.get()
    }

    private func error(
        _ exchanges: [Exchange], adjusting adjust: (inout RegistryClient.Configuration) -> Void = { _ in }
    ) async throws -> RegistryError {
        try #require(
            await #expect(throws: RegistryError.self) { try await repositories(exchanges, adjusting: adjust) })
    }

    private func page(_ names: [String], at url: String = catalog, next: String? = nil) -> Exchange {
        let body = #"{"repositories": [\#(names.map { "\"\($0)\"" }.joined(separator: ", "))]}"#
        return Exchange(
            "GET", url, answer: .response(status: 200, headers: next.map { [("Link", $0)] } ?? [], body: body))
    }

    private func answer(_ status: Int, _ body: String, at url: String = catalog) -> Exchange {
        Exchange("GET", url, answer: .response(status: status, headers: [], body: body))
    }

    @Test func allPagesAreReadEachNameCountsOnceAndNamesThatAreNoneAreLeftOut() async throws {
        let names = try await repositories([
            page(["webapp/a", "Not A Name", "webapp/b"], next: #"</v2/_catalog?last=webapp%2Fb&n=3>; rel="next""#),
            page([], at: "\(Self.catalog)?last=webapp%2Fb&n=3", next: #"<?last=x>; rel="next""#),
            page(["webapp/b", "other"], at: "\(Self.catalog)?last=x"),
        ])
        #expect(names == ["webapp/a", "webapp/b", "other"])
        #expect(try await repositories([answer(200, #"{"repositories": null}"#)]).isEmpty)
    }

    @Test(arguments: ["{}", "[]", "<html>", #"{"tags": ["a"]}"#, #"{"repositories": [1]}"#, #"{"errors": []}"#])
    func anythingElseIsNoCatalog(body: String) async throws {
        let error = try await error([answer(200, body)])
        #expect(error.code == .malformedAnswer && !error.refusesCatalog)
    }

    @Test(arguments: [401, 403, 404, 405, 501]) func thereMayBeNoneForUs(status: Int) async throws {
        #expect(try await error([answer(status, "")]).refusesCatalog)
    }

    @Test(arguments: [400, 418, 204]) func whatElseGoesWrongIsAFailure(status: Int) async throws {
        #expect(try await !error([answer(status, "")]).refusesCatalog)
    }

    @Test func aBrokenChainIsAFailureAndNoShorterCatalog() async throws {
        let first = page(["webapp/a"], next: "<?last=a>; rel=next")
        for last in [answer(404, "", at: "\(Self.catalog)?last=a"), answer(200, "{}", at: "\(Self.catalog)?last=a")] {
            #expect(try await !error([first, last]).refusesCatalog)
        }
        #expect(try await error([first]) { $0.mostPages = 1 }.code == .truncated)
        #expect(try await error([page(["a", "b"])]) { $0.mostTags = 1 }.code == .truncated)
        let away = try await error([page(["a"], next: "<https://evil.example/>; rel=next")])
        #expect(away.code == .pageChain && !away.refusesCatalog)
    }

    @Test func itsTokenIsForTheCatalogAndReachingTheRegistryDoesNotNeedIt() async throws {
        let challenge = [("WWW-Authenticate", #"Bearer realm="https://r.io/token",service="r.io""#)]
        let wide = #"Bearer realm="https://r.io/token",service="r.io",scope="registry:catalog:*""#
        let asked = Mutex<[String]>([])
        let transport = FunctionTransport { request, _ in
            asked.withLock { $0.append(request.url.pathAndQuery) }
            let isAuthorized = request.headerFields[.authorization] == "Bearer t"
            switch request.url.path {
            case "/token": return .text(200, #"{"token": "t"}"#)
            case "/v2/": return isAuthorized ? .text(200, "{}") : .text(401, "", challenge)
            default:
                return isAuthorized
                    ? .text(200, #"{"repositories": ["webapp/a"]}"#) : .text(401, "", [("WWW-Authenticate", wide)])
            }
        }
        let fixture = try Fixture(transport)
        #expect(try await fixture.client.repositories().map(\.name) == ["webapp/a"])
        try await fixture.client.ping()
        let list = asked.withLock { $0 }
        #expect(
            list == [
                "/v2/_catalog", "/token?service=r.io&scope=registry%3Acatalog%3A%2A", "/v2/_catalog",
                "/token?service=r.io", "/v2/",
            ])
    }

    // MARK: Shared

    @Test func manyWhoAskShareOneCatalogWhichIsKeptForAWhile() async throws {
        let clock = ManualClock()
        let gate = Gate()
        let count = Mutex(0)
        let shared = SharedCatalog(clock: clock) {
            count.withLock { $0 += 1 }
            try await gate.pass()
            return [app]
        }
        func names(anew: Bool = false) async throws -> Int {
            guard case .repositories(let list) = try await shared.catalog(anew: anew) else { return -1 }
            return list.count
        }
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<20 { group.addTask { try await names() } }
            try await eventually { count.withLock { $0 } == 1 }
            gate.open()
            for try await found in group { #expect(found == 1) }
        }
        clock.advance(by: .seconds(60))
        #expect(try await names() == 1 && count.withLock { $0 } == 1)
        #expect(try await names(anew: true) == 1 && count.withLock { $0 } == 2)
        clock.advance(by: .seconds(61))
        #expect(try await names() == 1 && count.withLock { $0 } == 3)
    }

    @Test func whoeverWantsToKnowHowItIsNowSharesTheNextCatalog() async throws {
        let gate = Gate()
        let count = Mutex(0)
        let shared = SharedCatalog(clock: ManualClock()) {
            count.withLock { $0 += 1 }
            try await gate.pass()
            return [app]
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { _ = try await shared.catalog() }
            try await eventually { count.withLock { $0 } == 1 }
            for _ in 0..<20 { group.addTask { _ = try await shared.catalog(anew: true) } }
            try await Task.sleep(for: .milliseconds(50))
            #expect(count.withLock { $0 } == 1)
            gate.open()
            try await group.waitForAll()
        }
        // Who comes very late may find the second over.
        #expect((2...3).contains(count.withLock { $0 }))
    }

    @Test func aCatalogThatHangsHoldsTheNextUpForAWhileOnly() async throws {
        let clock = ManualClock()
        let count = Mutex(0)
        let shared = SharedCatalog(clock: clock) {
            if count.withLock({
                $0 += 1
                return $0
            }) == 1 {
                try await Task.sleep(for: .seconds(3600))
            }
            return [app]
        }
        let first = Task { try await shared.catalog() }
        try await eventually { count.withLock { $0 } == 1 }
        let second = Task { try await shared.catalog(anew: true) }
        try await clock.waitForSleep(of: .seconds(3))
        clock.advance(by: .seconds(3))
        guard case .repositories = try await second.value else {
            Issue.record("refused")
            return
        }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
    }

    @Test func aRefusalIsKeptAndAFailureIsNot() async throws {
        let codes = Mutex<[RegistryError.Code]>([.unavailable, .denied])
        let shared = SharedCatalog(clock: ManualClock()) {
            throw RegistryError(codes.withLock { $0.removeFirst() }, operation: "list", summary: "no")
        }
        await #expect(throws: RegistryError.self) { try await shared.catalog() }
        for _ in 0..<2 {
            guard case .refused(let error) = try await shared.catalog() else {
                Issue.record("not refused")
                return
            }
            #expect(error.code == .denied)
        }
        let isDone = codes.withLock { $0.isEmpty }
        #expect(isDone)
    }
}
