import Builds
import HTTPTransport

extension BuilderConformance {
    static func createdIsListed(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let other = try await scene.harness.makeBuilder()
        let before = try await builder.builds(of: scene.webapp)
        try require(before.isEmpty, "a webapp that was never built has no builds", found: before)
        var ids: Set<BuildID> = []
        for version in ["v1.0.0", "v1.0.1", "v1.1.0-rc.1"] {
            let plan = try await scene.plan(.succeeds, version: version)
            let build = try await scene.create(plan, with: builder)
            ids.insert(plan.id)
            try require(build.id == plan.id, "the build has the id of its plan", found: build.id)
            for reader in [builder, other] {
                let listed = Set(try await reader.builds(of: scene.webapp).map(\.id))
                try require(listed == ids, "what was created is listed, and nothing else", found: listed)
                let all = Set(try await reader.builds(of: nil).map(\.id))
                try require(all.isSuperset(of: ids), "what was created is listed among all builds", found: all)
                try require(try await reader.build(plan.id)?.id == plan.id, "what was created can be read")
            }
        }
    }

    static func oneOfTwenty(_ scene: Scene) async throws {
        let plan = try await scene.plan(.holds)
        let builders = try await [
            scene.harness.makeBuilder(), scene.harness.makeBuilder(), scene.harness.makeBuilder(),
        ]
        let created = try await withThrowingTaskGroup(of: Bool.self) { group in
            for number in 0..<20 {
                group.addTask { try await !scene.isTaken(plan, for: builders[number % builders.count]) }
            }
            return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        try require(created == 1, "exactly one creates", found: created)
        try require(try await builders[0].builds(of: scene.webapp).count == 1, "there is one build")
        try await scene.held(plan.id, builders[0])
        try await scene.harness.release(plan.id)
        _ = try await scene.ended(plan.id, builders[1])
    }

    /// Replicas may come to different versions for one request, and so to different names.
    static func oneOfOneKey(_ scene: Scene) async throws {
        let builders = try await [
            scene.harness.makeBuilder(), scene.harness.makeBuilder(), scene.harness.makeBuilder(),
        ]
        let key = "key of \(scene.webapp)"
        let other = try Scene.freshWebapp()
        @Sendable func plan(_ number: Int) async throws -> BuildPlan {
            // A key is one for all webapps.
            var plan = try await scene.plan(
                .succeeds, version: "v1.0.\(number)", of: number.isMultiple(of: 4) ? other : nil)
            plan.idempotencyKey = key
            return plan
        }
        var created: [BuildID] = []
        for round in 0..<3 {
            created += try await withThrowingTaskGroup(of: BuildID?.self) { group in
                for number in 0..<9 {
                    group.addTask {
                        let plan = try await plan(round * 10 + number)
                        return try await scene.isTaken(plan, for: builders[number % builders.count]) ? nil : plan.id
                    }
                }
                return try await group.reduce(into: []) { $0 += [$1].compactMap(\.self) }
            }
            try require(created.count <= 1, "no two create", found: created)
            let last = try await plan(round * 10 + 9)
            if try await !scene.isTaken(last, for: builders[round]) { created.append(last.id) }
            try require(created.count == 1, "somebody who is alone creates, unless there is a build", found: created)
        }
        let id = try required(created.first, "there is a build")
        let build = try await scene.ended(id, builders[0])
        try require(build.status == .succeeded && build.idempotencyKey == key, "it is built", found: build)
        try require(try await scene.isTaken(plan(30), for: builders[1]), "the key is taken after it has ended")
        let left = try await scene.eventually("nothing is left of the others") {
            let builds = try await builders[2].builds(of: nil).filter { $0.idempotencyKey == key }
            return builds.count == 1 ? builds[0].id : nil
        }
        try require(left == id, "it is the one that was created", found: left)
        for number in 0...30 {
            let plan = try await plan(number)
            let isServed = try await scene.served(plan) != nil
            try require(isServed == (plan.id == id), "nothing else was pushed", found: plan.image)
        }
    }

    static func nameStaysTaken(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let other = try await scene.harness.makeBuilder()
        let plan = try await scene.plan(.holds)
        _ = try await scene.create(plan, with: builder)
        try require(try await scene.isTaken(plan, for: builder), "the name is taken at once")
        try await scene.held(plan.id, builder)
        try require(try await scene.isTaken(plan, for: other), "the name is taken while the build runs")
        try await scene.harness.release(plan.id)
        _ = try await scene.ended(plan.id, builder)
        try require(try await scene.isTaken(plan, for: other), "the name is taken after the build has ended")
        let again = try await builder.build(plan.id)
        try require(again?.status == .succeeded, "refused creates change nothing", found: again?.status as Any)
    }

    static func promiseIsKept(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        var plan = try await scene.plan(.holds, version: "v2.3.4-rc.1")
        plan.idempotencyKey = "key \"4711\" \u{e4}"
        plan.requestFingerprint = "a1b2c3"
        plan.requestedBy = "somebody"
        plan.traceparent = Traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        plan.callbackURL = "https://automation.example/hook?signature=a%2Fb&x=1"
        let created = try await scene.create(plan, with: builder)
        let read = try required(
            try await scene.harness.makeBuilder().build(plan.id), "another process reads the build")
        for build in [created, read] {
            try require(build.webapp == plan.webapp, "webapp", found: build.webapp)
            try require(build.version == plan.version, "version", found: build.version)
            try require(build.image == plan.image, "image", found: build.image)
            try require(build.git.url == plan.git.url, "git.url", found: build.git.url)
            try require(build.git.ref == plan.git.ref, "git.ref", found: build.git.ref)
            try require(build.git.subdirectory == plan.git.subdirectory, "git.subdirectory", found: build.git)
            try require(build.createdAt == plan.createdAt, "createdAt \(plan.createdAt)", found: build.createdAt)
            try require(
                build.idempotencyKey == plan.idempotencyKey, "idempotencyKey", found: build.idempotencyKey as Any)
            try require(build.requestFingerprint == plan.requestFingerprint, "requestFingerprint")
            try require(build.requestedBy == plan.requestedBy, "requestedBy", found: build.requestedBy as Any)
            try require(build.callbackURL == plan.callbackURL, "callbackURL", found: build.callbackURL as Any)
            try require(
                build.traceparent != nil && build.traceparent == plan.traceparent, "traceparent",
                found: build.traceparent as Any)
            try require(!build.message.isEmpty, "a message")
        }
        try await scene.held(plan.id, builder)
        _ = try await builder.cancel(plan.id)
    }

    static func webappsAreApart(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        // One name begins with the other, which must not confuse anybody.
        let other = try WebappName("\(scene.webapp)-2")
        let mine = try await scene.create(try await scene.plan(.succeeds), with: builder)
        let theirs = try await scene.create(try await scene.plan(.succeeds, of: other), with: builder)
        try require(try await builder.builds(of: scene.webapp).map(\.id) == [mine.id], "one build of the one webapp")
        try require(try await builder.builds(of: other).map(\.id) == [theirs.id], "one build of the other webapp")
    }

    static func unknownIsNil(_ scene: Scene) async throws {
        let builder = try await scene.harness.makeBuilder()
        let id = try await scene.plan(.succeeds).id
        try require(try await builder.build(id) == nil, "no build")
        try require(try await builder.log(of: id, .soFar) == nil, "no log")
        try require(try await builder.log(of: id, .following) == nil, "no log to follow")
        try require(try await builder.cancel(id) == nil, "nothing to cancel")
    }
}
