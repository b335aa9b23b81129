use crate::fib::synth::*; use crate::fib::*; use crate::ids::*; use std::sync::Arc;
use crate::fib::entry::*; use crate::fib::key::Key;
#[test] fn stats() { for n in [1000,10_000,100_000,250_000] {
 let arena=Arc::new(Arena::new(Capacity::default()).unwrap()); let mut t=Trie::<u128>::new(&arena).unwrap();
 let table=ipv6_table(n,6); for p in &table { t.set(*p,NextHopId::new(1)).unwrap(); }
 let flows=ipv6_flows(&table,16384,7); let w=arena.words(); let r=t.reader();
 let mut h=std::collections::BTreeMap::new(); let mut lines=std::collections::HashSet::new(); let mut pages=std::collections::HashSet::new();
 for f in flows { let v=r.view(); let mut at=v.stride(); let mut wd=v.word(f.top()); let mut path=String::new();
  loop { lines.insert(wd/16); pages.insert(wd/1024); let e=lookup::load(w,wd); match e.kind(){Kind::Leaf(_)=>{path.push('L');break},Kind::Cell(c)=>{lines.insert(c/16);pages.insert(c/1024);path.push('C');break},Kind::Node(b)=>{path.push('N');wd=b+f.byte(at);at+=8;}} }
  *h.entry(path).or_insert(0)+=1; }
 println!("{}", std::fs::read_to_string("/proc/self/smaps_rollup").unwrap().lines().filter(|l| l.contains("Rss")||l.contains("AnonH")).collect::<Vec<_>>().join(" ")); println!("{n}: {h:?} lines {} pages {} usage {:?}",lines.len(),pages.len(),arena.usage());
}}
