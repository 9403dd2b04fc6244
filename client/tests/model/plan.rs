//! What one case does: the clients, what they are asked to do and when, and what goes wrong meanwhile.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// One case.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whether the clients share a server that lives on when they leave, or one client has its own.
    pub world: World,
    /// Who answers for each client; its length is how many there are.
    pub clients: Vec<ClientPlan>,
    /// How the server behaves.
    pub server: ServerPlan,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// A process per connection: it dies with it.
    Process,
    /// A server that clients come back to.
    Remote,
    /// The same for clients that don't come back by themselves.
    RemoteOnce,
}

#[derive(Debug, Clone)]
pub struct ClientPlan {
    /// What answers what the server asks, if anything does.
    pub handler: Option<Answer>,
    /// How many of its requests may be on the wire; many if none.
    pub in_flight: Option<u32>,
}

/// How a handler answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Accept { after_ms: u16 },
    Decline,
    Fails,
}

#[derive(Debug, Clone, Copy)]
pub struct ServerPlan {
    /// For how long a thread that has begun its first turn is not on disk.
    pub writes_after_ms: u16,
    /// From the answer to `turn/start` to `turn/started`.
    pub starts_after_ms: u16,
    /// For how long a turn that has completed is still stored as interrupted.
    pub stores_after_ms: u16,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub after_ms: u16,
    pub action: Action,
}

/// Threads and runs are meant by number, counted anew where there are fewer.
#[derive(Debug, Clone)]
pub enum Action {
    /// A thread more.
    Start {
        client: usize,
        settings: Settings,
        handler: Option<Answer>,
    },
    /// A client takes up a thread that it may not have yet.
    Resume {
        client: usize,
        thread: usize,
        settings: Settings,
        handler: Option<Answer>,
    },
    /// A turn.
    Run {
        client: usize,
        thread: usize,
        run: RunPlan,
    },
    /// Whatever runs there.
    Attach {
        client: usize,
        thread: usize,
        readers: Vec<Reading>,
    },
    /// A turn on a thread of its own.
    OneShot {
        client: usize,
        run: RunPlan,
    },
    /// A client has no handle of a thread any more.
    Leave {
        client: usize,
        thread: usize,
    },
    Read {
        client: usize,
        thread: usize,
        turns: bool,
    },
    Cancel {
        run: usize,
    },
    Interrupt {
        run: usize,
    },
    Abort {
        run: usize,
    },
    Steer {
        run: usize,
    },
    Update {
        client: usize,
        thread: usize,
        settings: Settings,
    },
    /// The line of a client drops: at once, or in the middle of what comes next.
    Drop {
        client: usize,
        cut: Cut,
    },
    /// The next attempts to connect fail.
    Refuse {
        client: usize,
        times: u8,
        status: Option<u16>,
    },
    /// The server dies, and is back later.
    Kill {
        down_ms: u16,
    },
    /// The next request of this kind goes wrong.
    Fault {
        client: usize,
        request: Request,
        fault: Fault,
    },
}

#[derive(Debug, Clone)]
pub struct RunPlan {
    pub script: Vec<Op>,
    pub settings: Settings,
    pub handler: Option<Answer>,
    /// Its readers; none: the result alone is waited for.
    pub readers: Vec<Reading>,
    pub abort_after_ms: Option<u16>,
    /// After so much silence it is given up, and gone on with.
    pub silence_ms: Option<u16>,
}

/// What a model would do.
#[derive(Debug, Clone)]
pub enum Op {
    Pause(u16),
    Message {
        chunks: u8,
        every_ms: u8,
    },
    /// A message that is given up after some of it: the model is asked again.
    Retry {
        chunks: u8,
    },
    Command {
        asks: bool,
        ms: u16,
    },
    Usage,
    Agent {
        form: AgentForm,
        script: Vec<Op>,
    },
    Fails,
    /// An end that this version does not know.
    Unknown,
    /// The server forgets to end the turn, and does not when it is asked to.
    Never,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AgentForm {
    Collab,
    Activity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadKind {
    Joined,
    Every,
    Text,
    Steps,
    /// What sub-agents do.
    Agents,
}

/// A reader, and after how many batches another takes over from where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Reading {
    pub kind: ReadKind,
    pub hand_over_after: Option<u8>,
    /// Pause after each batch.
    pub pause_ms: u8,
}

#[derive(Debug, Clone, Copy)]
pub enum Cut {
    Now,
    /// After so many bytes more from the server.
    Down(u16),
    /// After so many bytes more to the server.
    Up(u16),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    Any,
    Resume,
    TurnStart,
    Interrupt,
    Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Never,
    Late(u16),
    Overload,
    Garbage,
    Internal,
}

/// Lasting options. Each is left out or one of two.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    pub model: Option<u8>,
    pub effort: Option<u8>,
    pub sandbox: Option<u8>,
    pub approval: Option<u8>,
    pub tier: Option<u8>,
    pub personality: Option<u8>,
    pub cwd: Option<u8>,
    pub reviewer: Option<u8>,
}

fn settings() -> impl Strategy<Value = Settings> {
    let one = || prop_oneof![3 => Just(None), 1 => (0..3u8).prop_map(Some)];
    let all = (one(), one(), one(), one(), one(), one(), one(), one());
    let some = all.prop_map(|(model, effort, sandbox, approval, tier, personality, cwd, reviewer)| {
        Settings { model, effort, sandbox, approval, tier, personality, cwd, reviewer }
    });
    prop_oneof![2 => Just(Settings::default()), 1 => some]
}

/// Milliseconds, mostly few.
fn ms() -> impl Strategy<Value = u16> {
    prop_oneof![4 => Just(0), 3 => 1..8u16, 2 => 8..120u16, 1 => 120..3000u16]
}

fn answer() -> impl Strategy<Value = Option<Answer>> {
    prop_oneof![
        3 => Just(None),
        2 => prop_oneof![Just(0u16), Just(30), Just(2_000)].prop_map(|after_ms| Some(Answer::Accept { after_ms })),
        1 => Just(Some(Answer::Decline)),
        1 => Just(Some(Answer::Fails)),
    ]
}

fn script(depth: u32) -> BoxedStrategy<Vec<Op>> {
    let op = prop_oneof![
        3 => (1..6u8, prop_oneof![Just(0u8), 1..20u8]).prop_map(|(chunks, every_ms)| Op::Message { chunks, every_ms }),
        2 => ms().prop_map(Op::Pause),
        2 => (any::<bool>(), ms()).prop_map(|(asks, ms)| Op::Command { asks, ms }),
        1 => Just(Op::Usage),
        1 => (0..3u8).prop_map(|chunks| Op::Retry { chunks }),
    ];
    let op = if depth == 0 {
        op.boxed()
    } else {
        let agent = (select(&[AgentForm::Collab, AgentForm::Activity]), script(depth - 1));
        let agent = agent.prop_map(|(form, script)| {
            (form, script.into_iter().filter(|op| !matches!(op, Op::Never)).collect())
        });
        prop_oneof![9 => op, 1 => agent.prop_map(|(form, script)| Op::Agent { form, script })].boxed()
    };
    let last = prop_oneof![
        12 => Just(None),
        1 => Just(Some(Op::Fails)),
        1 => Just(Some(Op::Unknown)),
        1 => Just(Some(Op::Never)),
    ];
    (vec(op, 0..5), last).prop_map(|(ops, last)| ops.into_iter().chain(last).collect()).boxed()
}

fn reading() -> impl Strategy<Value = Reading> {
    let kinds = [
        ReadKind::Joined,
        ReadKind::Every,
        ReadKind::Text,
        ReadKind::Text,
        ReadKind::Steps,
        ReadKind::Agents,
    ];
    let kind = select(kinds.to_vec());
    let over = prop_oneof![2 => Just(None), 1 => (0..6u8).prop_map(Some)];
    (kind, over, prop_oneof![2 => Just(0u8), 1 => 1..40u8])
        .prop_map(|(kind, hand_over_after, pause_ms)| Reading { kind, hand_over_after, pause_ms })
}

fn run() -> impl Strategy<Value = RunPlan> {
    let abort = prop_oneof![5 => Just(None), 1 => ms().prop_map(Some)];
    let silence = prop_oneof![5 => Just(None), 1 => select(vec![20u16, 500]).prop_map(Some)];
    (script(2), settings(), answer(), vec(reading(), 0..3), abort, silence).prop_map(
        |(script, settings, handler, readers, abort_after_ms, silence_ms)| RunPlan {
            script,
            settings,
            handler,
            readers,
            abort_after_ms,
            silence_ms,
        },
    )
}

fn cut() -> impl Strategy<Value = Cut> {
    let bytes = || prop_oneof![Just(0u16), 1..600u16, 600..4000u16];
    prop_oneof![2 => Just(Cut::Now), 2 => bytes().prop_map(Cut::Down), 1 => bytes().prop_map(Cut::Up)]
}

fn action() -> impl Strategy<Value = Action> {
    let client = || 0..3usize;
    let which = || 0..4usize;
    let request = select(&[
        Request::Any,
        Request::Resume,
        Request::Resume,
        Request::TurnStart,
        Request::Interrupt,
        Request::Read,
    ]);
    let fault = prop_oneof![
        2 => Just(Fault::Never),
        2 => ms().prop_map(Fault::Late),
        2 => Just(Fault::Overload),
        1 => Just(Fault::Garbage),
        1 => Just(Fault::Internal),
    ];
    let status = prop_oneof![2 => Just(None), 1 => select(&[429u16, 408, 404, 500, 503]).prop_map(Some)];
    prop_oneof![
        8 => (client(), which(), run()).prop_map(|(client, thread, run)| Action::Run { client, thread, run }),
        1 => (client(), settings(), answer())
            .prop_map(|(client, settings, handler)| Action::Start { client, settings, handler }),
        2 => (client(), which(), settings(), answer())
            .prop_map(|(client, thread, settings, handler)| Action::Resume { client, thread, settings, handler }),
        2 => (client(), which(), vec(reading(), 0..2))
            .prop_map(|(client, thread, readers)| Action::Attach { client, thread, readers }),
        1 => (client(), run()).prop_map(|(client, run)| Action::OneShot { client, run }),
        1 => (client(), which()).prop_map(|(client, thread)| Action::Leave { client, thread }),
        1 => (client(), which(), any::<bool>())
            .prop_map(|(client, thread, turns)| Action::Read { client, thread, turns }),
        1 => which().prop_map(|run| Action::Cancel { run }),
        2 => which().prop_map(|run| Action::Interrupt { run }),
        2 => which().prop_map(|run| Action::Abort { run }),
        1 => which().prop_map(|run| Action::Steer { run }),
        1 => (client(), which(), settings())
            .prop_map(|(client, thread, settings)| Action::Update { client, thread, settings }),
        6 => (client(), cut()).prop_map(|(client, cut)| Action::Drop { client, cut }),
        1 => (client(), 1..4u8, status).prop_map(|(client, times, status)| Action::Refuse { client, times, status }),
        2 => ms().prop_map(|down_ms| Action::Kill { down_ms }),
        1 => (client(), request, fault).prop_map(|(client, request, fault)| Action::Fault { client, request, fault }),
    ]
}

/// Cases.
pub fn plans() -> impl Strategy<Value = Plan> {
    let world =
        prop_oneof![3 => Just(World::Remote), 1 => Just(World::Process), 1 => Just(World::RemoteOnce)];
    let server = (
        prop_oneof![2 => Just(0u16), 1 => Just(30)],
        prop_oneof![2 => Just(0u16), 1 => 1..40u16],
        prop_oneof![2 => Just(0u16), 1 => Just(40), 1 => Just(1_500)],
    )
        .prop_map(|(writes_after_ms, starts_after_ms, stores_after_ms)| ServerPlan {
            writes_after_ms,
            starts_after_ms,
            stores_after_ms,
        });
    let in_flight = prop_oneof![3 => Just(None), 1 => (1..3u32).prop_map(Some)];
    let client = (answer(), in_flight).prop_map(|(handler, in_flight)| ClientPlan { handler, in_flight });
    let clients = vec(client, 1..3);
    let step = (ms(), action()).prop_map(|(after_ms, action)| Step { after_ms, action });
    (world, clients, server, vec(step, 1..10)).prop_map(|(world, mut clients, mut server, steps)| {
        match world {
            World::Process => clients.truncate(1),
            // Who comes back on a connection of its own within these milliseconds is told that the thread is idle.
            World::RemoteOnce => server.starts_after_ms = 0,
            World::Remote => {}
        }
        Plan { world, clients, server, steps }
    })
}
